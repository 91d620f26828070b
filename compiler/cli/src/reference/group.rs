//! Groups of calls, as a policy writes them: `@basic-io`, `@known`, `@since(6.6)`.

use filterc_abi::{self as tables, Abi, Group, KernelVersion, Status};
use serde_json::{Value, json};

use super::page::{Page, commas};
use super::word::{Unknown, near, version};
use super::{View, names};

/// What `@known` is about.
const KNOWN: &str = "Every call that the kernel implements";

/// What `@since` is about.
const SINCE: &str = "Calls that came with this kernel or a later one";

/// Which calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    /// All of the tables.
    All,
    /// Those of a group.
    Group(&'static Group),
    /// `@known`
    Known,
    /// `@since(VERSION)`
    Since(KernelVersion),
}

impl Calls {
    /// The group that a policy would write so, without its `@`.
    pub(crate) fn find(text: &str) -> Result<Self, Unknown> {
        if let Some(version_text) = text.strip_prefix("since(").and_then(|t| t.strip_suffix(')')) {
            let form = "a kernel version is MAJOR.MINOR, and none that the tables do not know";
            return version(version_text).map(Self::Since).map_err(|_| Unknown::Form(form));
        }
        match text {
            "known" => Ok(Self::Known),
            "since" => Err(Unknown::Form("`@since` needs a kernel version: `@since(6.6)`")),
            name => tables::group(name).map(Self::Group).ok_or_else(|| {
                let known = tables::groups().iter().map(|group| group.name);
                let near = near(name, known.chain(["known", "since"]));
                Unknown::Name(near.iter().map(|name| format!("@{name}")).collect())
            }),
        }
    }

    /// Names of the calls on some of the ABIs, sorted.
    pub(crate) fn names(self, abis: &[&'static Abi]) -> Vec<&'static str> {
        let of = |abi: &&'static Abi| {
            let is_one = move |call: &&'static tables::Syscall| match self {
                Self::All => true,
                Self::Group(group) => group.calls.contains(&call.name),
                Self::Known => call.status != Status::Unimplemented,
                Self::Since(version) => call.since.is_some_and(|since| since >= version),
            };
            let direct = abi.syscalls().iter().filter(is_one).map(|call| call.name);
            let carried = abi.sub_calls().iter().map(|sub| sub.name).filter(
                move |name| matches!(self, Self::Group(group) if group.calls.contains(name)),
            );
            direct.chain(carried)
        };
        let mut names: Vec<&str> = abis.iter().flat_map(of).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn name(self) -> String {
        match self {
            Self::All => "any".to_owned(),
            Self::Group(group) => format!("@{}", group.name),
            Self::Known => "@known".to_owned(),
            Self::Since(version) => format!("@since({version})"),
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::All => "Every call",
            Self::Group(group) => group.about,
            Self::Known => KNOWN,
            Self::Since(_) => SINCE,
        }
    }
}

/// The groups that a call is in, as policies write them.
pub(crate) fn of_call(call: &str) -> Vec<String> {
    let has = |group: &&Group| group.calls.contains(&call);
    tables::groups().iter().filter(has).map(|group| format!("@{}", group.name)).collect()
}

/// One group.
pub(crate) fn text(calls: Calls, view: &View, page: &mut Page) {
    let every: Vec<&'static Abi> = tables::abis().iter().collect();
    let names_here = calls.names(&view.abis);
    page.title(&calls.name(), calls.about());
    page.heading(&format!("{} calls on {}", names_here.len(), names(&view.abis, &every)));
    page.beside(0, "", 0, commas(names_here.iter().map(|name| (*name).to_owned())));
    let here = calls.names(&[view.abi]);
    let lacking: Vec<_> = names_here.iter().filter(|name| !here.contains(name)).collect();
    if !lacking.is_empty() && view.abis.len() > 1 {
        page.heading(&format!("{} of them not on {}", lacking.len(), view.abi.name));
        page.beside(0, "", 0, commas(lacking.iter().map(|name| (**name).to_owned())));
    }
}

/// One group.
pub(crate) fn json(calls: Calls, view: &View) -> Value {
    let on = |abi: &&'static Abi| (abi.name.to_owned(), json!(calls.names(&[abi])));
    json!({
        "kind": "group",
        "name": calls.name(),
        "about": calls.about(),
        "calls": calls.names(&view.abis),
        "abis": view.abis.iter().map(on).collect::<serde_json::Map<_, _>>(),
    })
}

/// All groups: name, number of calls where that depends on nothing else, what they are about.
pub(crate) fn all(view: &View) -> Vec<(String, Option<usize>, &'static str)> {
    let groups = tables::groups().iter().map(Calls::Group);
    let counted = |calls: Calls| (calls.name(), Some(calls.names(&view.abis).len()), calls.about());
    let mut all: Vec<_> = groups.chain([Calls::Known]).map(counted).collect();
    all.push(("@since(VERSION)".to_owned(), None, SINCE));
    all
}
