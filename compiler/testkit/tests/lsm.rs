//! Programs at hooks of security modules, in the interpreter with a made-up kernel: what they do
//! is what the policy says of the call and of the labels that the object has. And the running
//! kernel's verdict on their instructions, at hooks where it takes any.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and says what it skipped"
)]

#[path = "objects/mod.rs"]
mod objects;

use filterc::{CompiledModule, Options, Source, Target, compile, compile_module};
use filterc_abi::objects::{ObjectHook, object_hook};
use filterc_abi::registers::machine;
use filterc_abi::{Action, Endian, Facts, SeccompData, x86_64};
use filterc_codegen::ebpf::tracing;
use filterc_ebpf::audit::{self, Moment, Record};
use filterc_ebpf::btf::{Btf, relocate};
use filterc_ebpf::{Hook, MapSpec, Verified, interpret, verify};
use filterc_hir::eval::eval_with;
use filterc_hir::policy::Policy;
use filterc_hir::types::beside;
use filterc_loader::bpf::Loaded;
use filterc_testkit::corpus;
use filterc_testkit::rng::Rng;

use objects::{Offsets, Who, World};

/// Policies with labels, by what they do with what is not labelled.
const POLICIES: &[&str] = &[
    "arch x86_64\ndefault errno(EPERM)\n\
     label tmp_t = \"/tmp/**\"\nlabel user_home_t = \"/home/**\"\n\
     allow openat, openat2, open if (label & tmp_t) || (label & user_home_t)\n\
     log unlink, unlinkat if label & tmp_t\n",
    "arch x86_64\ndefault allow\nunknown allow\n\
     label a = \"/a/**\"\nlabel b = \"/b\"\nlabel c = \"/c\"\n\
     errno(EACCES) any if label == a\n\
     kill_process any if (label & (a | b)) == (a | b)\n\
     errno(EROFS) rename, renameat, renameat2, link, mkdir, rmdir if label & c\n\
     log newfstatat, statx, readlink if label == 0\n",
    "arch x86_64, i386\ndefault errno(ENOENT)\nforeign kill_process\n\
     label secret = \"/etc/shadow\"\nlabel open = \"/srv/**\"\nlabel shared = \"/pub/**\"\n\
     errno(EACCES) any if label & secret && uid != 0\n\
     allow any if label & (open | shared) && comm ~ \"web*\" && pid == tid\n\
     allow openat, creat, mknod if !(label & secret) && cgroup != 7\n\
     log symlink if cpu == 1 && gid in { 0, 100..200 }\n",
];

fn compiled(text: &str) -> CompiledModule {
    let options =
        Options { target: Target::Lsm, default_abi: Some(x86_64()), ..Options::default() };
    let compiled = compile_module(&Source::text("objects.flt", text), &options);
    compiled.unwrap_or_else(|errors| panic!("{errors}"))
}

/// The programs at hooks, each with its hook, for a kernel with these offsets.
fn programs(compiled: &CompiledModule, offsets: Offsets) -> Vec<(Verified, &'static ObjectHook)> {
    let types = offsets.types();
    let types = Btf::read(&types, Endian::Little).unwrap();
    let module = relocate(compiled.program().module(), &types).unwrap();
    let maps: Vec<MapSpec> = module.maps.iter().map(|map| map.spec).collect();
    let at_hook = |unit: &filterc_ebpf::Unit| {
        let Hook::Lsm(name) = &unit.hook else { return None };
        let verified = verify(&unit.insns, &tracing::target(unit, &maps, machine("x86_64")));
        let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
        Some((verified, object_hook(name).unwrap()))
    };
    module.units.iter().filter_map(at_hook).collect()
}

/// What becomes of a call: what the hook returns, and signals.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    ret: i64,
    signals: Vec<u32>,
    told: Vec<u32>,
}

/// What the policy says: objects are decided about in order, and the first refusal counts.
fn meant(policy: &Policy, call: &SeccompData, facts: &Facts, labels: &[u64], all: bool) -> Fate {
    let mut fate = Fate { ret: 0, signals: Vec::new(), told: Vec::new() };
    for label in labels {
        let facts = Facts { label: *label, ..*facts };
        let action = eval_with(policy, &beside(&[], &facts, Endian::Little), call);
        if all || action != Action::Allow {
            fate.told.push(action.to_ret());
        }
        match action {
            Action::Allow | Action::Log => {}
            Action::Errno(errno) => fate.ret = -i64::from(errno),
            Action::KillProcess => {
                fate.ret = -1;
                fate.signals.push(9);
            }
            Action::Notify | Action::Trace(_) | Action::Trap(_) | Action::KillThread => {
                panic!("{action} is none of a hook's")
            }
        }
        if fate.ret != 0 {
            return fate;
        }
    }
    fate
}

/// Calls of one policy in a world: how many did not become what was meant, and of how many.
fn wrong(
    compiled: &CompiledModule,
    programs: &[(Verified, &ObjectHook)],
    offsets: Offsets,
    seed: u64,
) -> (usize, usize) {
    let policy = compiled.policy();
    let (mut wrong, mut all) = (0, 0);
    for round in 0..40 {
        let mut rng = Rng::new(seed << 8 | round << 1);
        let world = World::new(&mut rng, policy.labels().len());
        let who = Who::new(&mut rng, policy);
        for (program, hook) in programs {
            let (arguments, labels) = world.arguments(&mut rng, hook);
            let flags = audit::HOOK | if round % 2 == 0 { audit::ALLOWED } else { 0 };
            let mut host = world.host(&who, offsets, flags);
            let outcome =
                interpret(program.program(), &mut host.host, &mut arguments.clone(), 1 << 24);
            let outcome = outcome.unwrap_or_else(|fault| panic!("{}: {fault:?}", hook.name));
            let records = host.host.consume(host.maps[audit::RECORDS]);
            let records: Vec<Record> = records
                .iter()
                .map(|bytes| Record::from_bytes(bytes, Endian::Little).unwrap())
                .collect();
            assert!(records.iter().all(|record| record.moment == Moment::Hook));
            let said = Fate {
                ret: outcome.ret.cast_signed(),
                signals: host.host.environment.signals.clone(),
                told: records.iter().map(|record| record.action).collect(),
            };
            let expected =
                meant(policy, &who.call, &who.facts, &labels, flags & audit::ALLOWED != 0);
            all += 1;
            wrong += usize::from(said != expected);
        }
    }
    (wrong, all)
}

#[test]
fn hooks_do_what_policies_mean() {
    let mut all = 0;
    for text in POLICIES {
        let offsets = Offsets::default();
        let compiled = compiled(text);
        let programs = programs(&compiled, offsets);
        assert!(compiled.program().proof().is_some());
        for seed in 0..6 {
            let (wrong, tried) = wrong(&compiled, &programs, offsets, seed);
            assert_eq!(wrong, 0, "of {tried}: {text}");
            all += tried;
        }
    }
    assert!(all > 4_000, "{all}");
}

/// The test above must be able to fail: members that are not where they are said to be.
#[test]
fn wrong_offsets_are_found() {
    let right = Offsets::default();
    let elsewhere = Offsets {
        file_dentry: 80,
        path_dentry: 16,
        dentry_parent: 32,
        dentry_inode: 56,
        inode_super: 48,
        inode_number: 72,
        super_device: 20,
    };
    for wrong_one in [
        Offsets { dentry_parent: elsewhere.dentry_parent, ..right },
        Offsets { dentry_inode: elsewhere.dentry_inode, ..right },
        Offsets { inode_super: elsewhere.inode_super, ..right },
        Offsets { inode_number: elsewhere.inode_number, ..right },
        Offsets { super_device: elsewhere.super_device, ..right },
        Offsets { file_dentry: elsewhere.file_dentry, ..right },
        Offsets { path_dentry: elsewhere.path_dentry, ..right },
    ] {
        let compiled = compiled(POLICIES[1]);
        let programs = programs(&compiled, wrong_one);
        assert!(wrong(&compiled, &programs, right, 1).0 > 0, "{wrong_one:?}");
        // And in a kernel that has them there, they are right.
        assert_eq!(wrong(&compiled, &programs, wrong_one, 1).0, 0, "{wrong_one:?}");
    }
}

#[test]
fn strangers_are_left_alone_and_what_cannot_be_read_is_refused() {
    let offsets = Offsets::default();
    let compiled = compiled(POLICIES[0]);
    let mut rng = Rng::new(6);
    let world = World::new(&mut rng, 2);
    let who = Who::new(&mut rng, compiled.policy());
    for (program, hook) in programs(&compiled, offsets) {
        let (arguments, _) = world.arguments(&mut rng, hook);
        let returned = |host: &mut objects::Ready, arguments: &[u8]| {
            let mut arguments = arguments.to_vec();
            interpret(program.program(), &mut host.host, &mut arguments, 1 << 24).unwrap().ret
        };
        // Neither a task without a value, nor one that is watched at other places.
        for flags in [0, audit::ENTER | audit::EXIT | audit::ALLOWED] {
            let mut host = world.host(&who, offsets, flags);
            assert_eq!(returned(&mut host, &arguments), 0, "{}", hook.name);
            assert!(host.host.consume(host.maps[audit::RECORDS]).is_empty());
        }
        let eperm = (-1_i64).cast_unsigned();
        let mut host = world.host(&who, offsets, audit::HOOK);
        host.host.environment.registers += 1 << 16;
        assert_eq!(returned(&mut host, &arguments), eperm, "{}", hook.name);
        let mut host = world.host(&who, offsets, audit::HOOK);
        let nowhere = [0x11; 32];
        assert_eq!(returned(&mut host, &nowhere), eperm, "{}", hook.name);
        // As deep as nobody looks.
        let mut host = world.host(&who, offsets, audit::HOOK);
        let deep = world.deep(&mut host.host.environment, offsets, hook);
        assert_eq!(returned(&mut host, &deep), eperm, "{}", hook.name);
    }
}

/// What the language reference shows of facts and labels compiles, and is proved.
#[test]
fn examples_of_the_reference_compile() {
    let text = corpus::text(&corpus::root().join("grammar/README.md"));
    let mut count = 0;
    for block in text.split("```flt\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let target = match block.lines().next() {
            Some("# for tracepoints") => Target::TracepointBtf,
            Some("# for objects") => Target::Lsm,
            Some("# for monitors") => {
                let options = Options { target: Target::Monitor, ..Options::default() };
                let compiled = compile(&Source::text("README.md", block), &options);
                let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
                assert!(compiled.program().proof().is_some());
                count += 1;
                continue;
            }
            Some(_) | None => continue,
        };
        let options = Options { target, ..Options::default() };
        let compiled = compile_module(&Source::text("README.md", block), &options);
        let compiled = compiled.unwrap_or_else(|errors| panic!("{errors}"));
        assert!(compiled.program().proof().is_some());
        count += 1;
    }
    assert_eq!(count, 4);
}

/// The kernel refuses programs at these hooks on some machines, whatever they do. Their
/// instructions are the same at a raw tracepoint, where it takes any that its verifier accepts.
#[test]
fn the_kernel_accepts_their_instructions() {
    for text in POLICIES {
        let compiled = compiled(text);
        let mut module = compiled.program().module().clone();
        for unit in &mut module.units {
            if matches!(unit.hook, Hook::Lsm(_)) {
                unit.hook = Hook::RawTracepoint("sys_enter".to_owned());
            }
        }
        match Loaded::load(&module) {
            Ok(_) => {}
            Err(error) if matches!(error.code(), "F0835" | "F0836" | "F0838") => {
                return println!("skipped: {error}");
            }
            Err(error) => panic!("{text}\n{error}"),
        }
        // At their own place, they are accepted, or nobody's are.
        match Loaded::load(compiled.program().module()) {
            Ok(_) => println!("accepted at hooks of security modules"),
            Err(error) => {
                let normal = ["F0835", "F0836", "F0841"].contains(&error.code());
                assert!(normal, "{error}");
                println!("skipped: {error}");
            }
        }
    }
}
