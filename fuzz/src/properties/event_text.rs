//! Any bytes as an event filter: no panic; what the kernel reads is printed so that it reads the
//! same again; and what the language adds means the same in the kernel's words.

use arbitrary::{Result, Unstructured};
use filterc::event::{Request, read};
use filterc_abi::Facts;
use filterc_grammar::source::{FileId, Span};
use filterc_hir::event::check::Context;
use filterc_hir::event::eval::Event;
use filterc_hir::event::kernel::{self, Accepted, Machine, NoSymbols};
use filterc_hir::event::{Filter, Predicate, Record, matches, print};
use filterc_testkit::event_text;
use filterc_testkit::events::{Content, bytes};
use filterc_testkit::rng::Rng;

const MACHINE: Machine<'static> = Machine { nr_cpu_ids: 4, symbols: &NoSymbols };

const EVENTS: [&str; 5] = [
    "sys_enter_openat",
    "sys_exit_lseek",
    "sys_enter_perf_event_open",
    "sys_enter_kcmp",
    "sys_enter_getpid",
];

/// See the module.
///
/// # Errors
/// The bytes were used up.
pub fn property(u: &mut Unstructured<'_>) -> Result<()> {
    let record = Record::of_event(filterc_abi::x86_64(), u.choose(&EVENTS)?).expect("it is known");
    let mut rng = Rng::new(u.arbitrary()?);
    let text = if u.ratio(3, 4)? {
        event_text::text(&record, &mut rng)
    } else {
        u.bytes(u.len())?.to_vec()
    };
    let accepted = kernel::parse(&record, FileId::default(), &text, &MACHINE);
    if let Ok(Accepted::Filter { predicate, .. }) = &accepted {
        let again = print::predicate(predicate);
        let read = kernel::parse(&record, FileId::default(), &again, &MACHINE);
        let Ok(Accepted::Filter { predicate: read, .. }) = read else {
            panic!("{text:?} is printed as {again:?}, which is {read:?}");
        };
        assert_eq!(plain(&read), plain(predicate), "{text:?} is printed as {again:?}");
    }
    let context = Context { abi: filterc_abi::x86_64(), defines: &[], machine: &MACHINE };
    let Ok(Request::Filter(filter)) = read("fuzz", &text, &record, &context) else {
        assert!(!matches!(accepted, Ok(Accepted::Filter { .. })), "{text:?} is refused");
        return Ok(());
    };
    // Nothing is given to a kernel that it does not take, or takes for something else.
    let Ok(words) = filter.kernel_text() else { return Ok(()) };
    let taken = kernel::parse(&record, FileId::default(), &words, &MACHINE);
    let Ok(Accepted::Filter { predicate, .. }) = taken else {
        panic!("{text:?} becomes {words:?}, which is {taken:?}");
    };
    let taken = Filter { record: record.clone(), predicate };
    for _ in 0..8 {
        let content = Content {
            event_id: 7,
            flags: 0,
            pid: u.arbitrary()?,
            nr: u.arbitrary()?,
            args: u.arbitrary()?,
            ret: u.arbitrary()?,
        };
        let record = bytes(&record, &content);
        let event = Event {
            record: &record,
            endian: taken.record.endian,
            cpu: u.int_in_range(0..=3)?,
            who: Facts::default(),
            comm: b"123456789012run",
            memory: &|address| (address & 1 == 0).then(|| b"ab".to_vec()),
        };
        let (ours, theirs) = (matches(&filter.filter, &event), matches(&taken, &event));
        assert_eq!(ours, theirs, "{text:?} becomes {words:?}: {content:x?}");
    }
    Ok(())
}

/// The predicate without places.
fn plain(predicate: &Predicate) -> Predicate {
    match predicate {
        Predicate::And(parts) => Predicate::And(parts.iter().map(plain).collect()),
        Predicate::Or(parts) => Predicate::Or(parts.iter().map(plain).collect()),
        Predicate::Not(inner) => Predicate::Not(Box::new(plain(inner))),
        Predicate::Test(test) => {
            let mut test = test.clone();
            test.span = Span::default();
            Predicate::Test(test)
        }
        Predicate::True => Predicate::True,
        Predicate::False => Predicate::False,
    }
}
