//! Programs of event filters against the reference, and mutants of them.
//!
//! Every program passes our verifier as a tracepoint's and is run by our interpreter on records
//! that the reference is asked about too: with texts that can be read, that cannot, and that
//! end with their page.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests say what they expect"
)]

#[path = "event/mod.rs"]
mod sample;

use filterc_abi::Endian;
use filterc_codegen::ebpf::event::{COUNTS, Kind, Monitored, Object, Options, counts, emit, maps};
use filterc_ebpf::verify::{Context, Patience};
use filterc_ebpf::{
    DisasmOptions, Fixed, Host, Insn, Target, VerifyError, WellFormed, disassemble, interpret,
    verify, well_formed,
};
use sample::{EVENT_ID, Mentioned, Random, Sample};

/// What a program says, if it comes to an end.
fn found(sample: &Sample, program: &WellFormed, host: &mut Host<Fixed>) -> Option<u64> {
    host.environment.clone_from(&sample.world);
    // What is hidden from a program is not the record's.
    let mut context = sample.record;
    context[..8].fill(0xa5);
    interpret(program, host, &mut context, 200_000).ok().map(|outcome| outcome.ret)
}

fn host(object: &Object, monitored: Monitored) -> Host<Fixed> {
    let mut host = Host::new(Fixed::default(), Endian::HOST);
    for map in maps(std::slice::from_ref(object), monitored) {
        host.add_map(map.spec).unwrap();
    }
    host
}

/// What our verifier says.
fn check(insns: &[Insn], object: &Object, monitored: Monitored) -> Result<(), VerifyError> {
    let specs: Vec<_> =
        maps(std::slice::from_ref(object), monitored).iter().map(|map| map.spec).collect();
    let target = Target {
        context: Context::Tracepoint,
        maps: &specs,
        returns: (0, 1),
        patience: Patience::Long,
        ..Target::SYSCALL
    };
    verify(insns, &target).map(|_| ())
}

fn shown(insns: &[Insn]) -> String {
    disassemble(insns, &DisasmOptions::default())
}

/// Where texts end.
const PAGES: [u64; 2] = [0x7000_0000, 0x7010_0000];

const EVERYBODY: Options =
    Options { monitored: Monitored::Everybody, event_id: Some(EVENT_ID), counted: None };

#[test]
fn programs_decide_as_the_reference() {
    let mut random = Random::new(1);
    let (mut evaluations, mut kept, mut refused) = (0, 0, 0);
    for number in 0..2_150 {
        let filter = sample::filter(&mut random, sample::record(), 3);
        let mentioned = Mentioned::by(&filter);
        let object = match emit(&filter, &EVERYBODY) {
            Ok(object) => object,
            Err(error) => {
                assert_eq!(error.kind, Kind::SearchTooLong, "{filter:?}");
                refused += 1;
                continue;
            }
        };
        check(&object.insns, &object, Monitored::Everybody)
            .unwrap_or_else(|error| panic!("{number}: {error}\n{}", shown(&object.insns)));
        let program = well_formed(&object.insns).unwrap();
        let mut host = host(&object, Monitored::Everybody);
        for _ in 0..50 {
            let sample = Sample::new(&mut random, &mentioned, PAGES);
            let expected = sample.expected(&filter);
            let found = found(&sample, &program, &mut host);
            let context = || format!("{number}: {:?}\n{:x?}", filter.predicate, sample.record);
            let same = found == Some(expected.into());
            assert!(same, "{found:?}\n{}\n{}", context(), shown(&object.insns));
            evaluations += 1;
            kept += usize::from(expected);
        }
    }
    println!("{evaluations} evaluations, {kept} kept; {refused} filters search too much");
    assert!(evaluations >= 100_000 && refused < 20, "{evaluations} {refused}");
    assert!(kept > evaluations / 5 && kept < evaluations * 4 / 5, "{kept} of {evaluations}");
}

/// Who calls: most numbers are those of helpers, two of which may stand in one comparison.
#[test]
fn programs_ask_who_calls_as_the_reference() {
    let mut random = Random::new(7);
    let (mut evaluations, mut kept, mut asked) = (0, 0, 0);
    for number in 0..900 {
        let mut filter = sample::filter(&mut random, sample::record(), 3);
        sample::of_caller(&mut filter.predicate, &sample::record(), &mut random);
        let who = |test: &&filterc_hir::event::Test| {
            test.kind.operands().any(|operand| operand.field.part.is_who())
        };
        asked += filter.predicate.tests().iter().filter(|test| who(test)).count();
        let mentioned = Mentioned::by(&filter);
        let Ok(object) = emit(&filter, &EVERYBODY) else { continue };
        match check(&object.insns, &object, Monitored::Everybody) {
            Ok(()) => {}
            // Searches in texts can be more than is followed.
            Err(error) if error.kind == filterc_ebpf::Kind::TooComplex => continue,
            Err(error) => panic!("{number}: {error}\n{}", shown(&object.insns)),
        }
        let program = well_formed(&object.insns).unwrap();
        let mut host = host(&object, Monitored::Everybody);
        for _ in 0..40 {
            let sample = Sample::new(&mut random, &mentioned, PAGES);
            let sample = sample.by_somebody(&mut random, &mentioned);
            let expected = sample.expected(&filter);
            let found = found(&sample, &program, &mut host);
            let context = || format!("{number}: {:?}\n{:x?}", filter.predicate, sample.record);
            let same = found == Some(expected.into());
            assert!(same, "{found:?}\n{}\n{}", context(), shown(&object.insns));
            evaluations += 1;
            kept += usize::from(expected);
        }
    }
    assert!(evaluations > 30_000 && asked > 1_200, "{evaluations} {asked}");
    assert!(kept > evaluations / 5 && kept < evaluations * 4 / 5, "{kept} of {evaluations}");
}

/// The judge notices faults: other constants, tests, distances and offsets in programs. What it
/// does not notice makes no difference for the records of a second, longer look either.
#[test]
fn mutants_are_noticed() {
    let mut random = Random::new(2);
    let (mut mutants, mut noticed, mut refused) = (0, 0, 0);
    for _ in 0..600 {
        let filter = sample::filter(&mut random, sample::record(), 1);
        let mentioned = Mentioned::by(&filter);
        let Ok(object) = emit(&filter, &EVERYBODY) else { continue };
        for _ in 0..4 {
            let mut insns = object.insns.clone();
            let at = random.below(insns.len());
            let insn = &mut insns[at];
            match random.below(4) {
                0 => insn.imm = insn.imm.wrapping_add(1),
                1 => insn.opcode ^= 0x10 << random.below(4),
                2 => insn.offset = insn.offset.wrapping_add(1),
                _ => insn.dst ^= 1 << random.below(4),
            }
            if check(&insns, &object, Monitored::Everybody).is_err() {
                refused += 1;
                continue;
            }
            mutants += 1;
            let program = well_formed(&insns).unwrap();
            let mut host = host(&object, Monitored::Everybody);
            let differs = (0..1_000).any(|_| {
                let sample = Sample::new(&mut random, &mentioned, PAGES);
                let found = found(&sample, &program, &mut host);
                found != Some(sample.expected(&filter).into())
            });
            noticed += usize::from(differs);
        }
    }
    println!("{refused} mutants refused by the verifier, {noticed} of {mutants} others noticed");
    // The rest: values out of reach of such records, scratch words, and lines that are alike.
    assert!(mutants >= 200 && noticed * 10 >= mutants * 6, "{noticed} of {mutants}");
}

/// Whoever counts decides the same, and has counted all events of watched tasks, and no others.
#[test]
fn events_are_counted() {
    let mut random = Random::new(13);
    for place in [0, 1, 5] {
        for monitored in [Monitored::Tasks, Monitored::Everybody] {
            let options = Options { monitored, counted: Some(place), ..EVERYBODY };
            for _ in 0..60 {
                let filter = sample::filter(&mut random, sample::record(), 2);
                let mentioned = Mentioned::by(&filter);
                let Ok(object) = emit(&filter, &options) else { continue };
                check(&object.insns, &object, monitored).unwrap();
                let program = well_formed(&object.insns).unwrap();
                let mut host = Host::new(Fixed::default(), Endian::HOST);
                let maps = maps(std::slice::from_ref(&object), monitored);
                let ids: Vec<_> = maps.iter().map(|map| host.add_map(map.spec).unwrap()).collect();
                let counted = maps.iter().position(|map| map.name == COUNTS).unwrap();
                let mut expected = (0, 0);
                for round in 0..20 {
                    let mut sample = Sample::new(&mut random, &mentioned, PAGES);
                    sample.world.task = 0xffff_8880_0000_1000;
                    if round == 5 && monitored == Monitored::Tasks {
                        host.set_task_value(ids[0], sample.world.task, &1_u64.to_ne_bytes());
                    }
                    let watched = monitored == Monitored::Everybody || round >= 5;
                    let kept = !watched || sample.expected(&filter);
                    assert_eq!(found(&sample, &program, &mut host), Some(kept.into()));
                    match (watched, kept) {
                        (true, true) => expected.0 += 1,
                        (true, false) => expected.1 += 1,
                        (false, _) => {}
                    }
                }
                let value = host.lookup(ids[counted], &[0; 4]).unwrap();
                assert_eq!(counts(value, place, Endian::HOST), Some(expected));
                assert_eq!(value.len(), 16 * (place as usize + 1));
            }
        }
    }
}

#[test]
fn strangers_are_left_alone() {
    let mut random = Random::new(3);
    let options = Options { monitored: Monitored::Tasks, ..EVERYBODY };
    let (mut dropped, mut kept) = (0, 0);
    for _ in 0..200 {
        let filter = sample::filter(&mut random, sample::record(), 3);
        let mentioned = Mentioned::by(&filter);
        let Ok(object) = emit(&filter, &options) else { continue };
        check(&object.insns, &object, Monitored::Tasks).unwrap();
        let program = well_formed(&object.insns).unwrap();
        let mut host = Host::new(Fixed::default(), Endian::HOST);
        let ids: Vec<_> = maps(std::slice::from_ref(&object), Monitored::Tasks)
            .iter()
            .map(|map| host.add_map(map.spec).unwrap())
            .collect();
        for _ in 0..20 {
            let mut sample = Sample::new(&mut random, &mentioned, PAGES);
            sample.world.task = 0xffff_8880_0000_1000;
            // Nobody is watched yet.
            assert_eq!(found(&sample, &program, &mut host), Some(1));
            dropped += usize::from(!sample.expected(&filter));
        }
        for value in [0_u64, 1] {
            assert!(host.set_task_value(ids[0], 0xffff_8880_0000_1000, &value.to_ne_bytes()));
            let mut sample = Sample::new(&mut random, &mentioned, PAGES);
            sample.world.task = 0xffff_8880_0000_1000;
            let expected = value == 0 || sample.expected(&filter);
            assert_eq!(found(&sample, &program, &mut host), Some(expected.into()));
            kept += usize::from(expected);
        }
    }
    assert!(dropped > 500 && kept > 200, "{dropped} {kept}");
}
