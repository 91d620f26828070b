//! A second reading of profiles: from JSON to the decision about one call, without anything
//! of the importer's. It follows what the documentation says of profiles, call by call.

use std::collections::BTreeSet;

use filterc_abi::{Abi, Arg, KernelVersion, Regs, SeccompData, SubCall, Syscall};
use filterc_import::oci::Enosys;
use serde_json::Value;

/// A profile on one machine.
pub(crate) struct Evaluator<'j> {
    profile: &'j Value,
    pub(crate) host: &'static Abi,
    pub(crate) caps: BTreeSet<String>,
    pub(crate) kernel: Option<KernelVersion>,
    /// Whether all other ABIs are foreign.
    pub(crate) host_only: bool,
    /// Whether whole registers are compared.
    pub(crate) raw: bool,
    /// What newer calls get.
    pub(crate) enosys: Enosys,
}

const ALLOW: u32 = 0x7fff_0000;
const KILL_THREAD: u32 = 0;

impl<'j> Evaluator<'j> {
    pub(crate) fn new(profile: &'j Value, host: &'static Abi) -> Self {
        let nested = &profile["linux"]["seccomp"];
        let profile = if nested.is_object() { nested } else { profile };
        Self {
            profile,
            host,
            caps: BTreeSet::new(),
            kernel: None,
            host_only: false,
            raw: false,
            enosys: Enosys::ByAge,
        }
    }

    /// The filter's answer to a call.
    pub(crate) fn decide(&self, call: &SeccompData) -> u32 {
        let nr = call.nr.cast_unsigned();
        let of_call = |abi: &&Abi| abi.audit_arch == call.arch && abi.admits(nr);
        let Some(abi) = self.abis().into_iter().find(of_call) else { return KILL_THREAD };
        let entries: Vec<&Value> = self.entries().filter(|entry| self.counts(entry)).collect();
        let default = self.action(self.profile, "defaultAction", "defaultErrno");
        let known = abi.syscall_by_nr(nr);
        let is_named = known.is_some_and(|known| {
            entries.iter().any(|entry| names(entry).any(|name| self.covers(abi, name, known)))
        });
        let is_old = known.is_some_and(|known| {
            self.newest(&entries)
                .is_some_and(|newest| known.since.is_none_or(|since| since <= newest))
        });
        let largest = || {
            let all = entries.iter().flat_map(|entry| names(entry));
            all.filter_map(|name| abi.syscall(name)).map(|call| call.nr).max()
        };
        let is_new = match self.enosys {
            Enosys::ByAge => !(is_named || is_old),
            Enosys::ByNumber => known.is_none() || largest().is_some_and(|largest| nr > largest),
            Enosys::Never => known.is_none(),
        };
        if self.enosys == Enosys::Never && (nr == u32::MAX || is_new) {
            return default;
        }
        if nr == u32::MAX || is_new {
            let permissive = matches!(default >> 16, 0x7fff | 0x7ffc | 0x7ff0);
            let enosys = u32::try_from(abi.constant("ENOSYS").unwrap()).unwrap();
            let stub = !permissive && self.newest(&entries).is_some();
            if stub || known.is_none() || self.enosys == Enosys::ByAge {
                return if stub { 0x5_0000 | enosys } else { default };
            }
        }
        let known = known.unwrap();
        let rules: Vec<(&Value, u32)> = entries
            .iter()
            .map(|entry| (*entry, self.action(entry, "action", "errno")))
            .filter(|(_, action)| *action != default)
            .collect();
        let found = self.of_name(&rules, abi, known.name, Some((call, known)));
        let sub = abi.sub_calls().iter().find(|sub| {
            let wanted = u64::from(sub.mask) & call.args[0] & 0xffff_ffff;
            sub.multiplexer == known.name && wanted == u64::from(sub.value)
        });
        let through = sub.and_then(|sub| self.through(&rules, &entries, default, abi, sub));
        found.or(through).unwrap_or(default)
    }

    /// What a name's rules say; `call` is for those with conditions.
    fn of_name(
        &self,
        rules: &[(&Value, u32)],
        abi: &'static Abi,
        name: &str,
        call: Option<(&SeccompData, &'static Syscall)>,
    ) -> Option<u32> {
        let mine = || rules.iter().filter(|(entry, _)| names(entry).any(|other| other == name));
        let whole = mine().find(|(entry, _)| self.is_whole(entry, name));
        let part = || {
            let (call, known) = call?;
            mine().find(|(entry, _)| self.hold(conditions(entry), abi, known, call))
        };
        whole.or_else(part).map(|(_, action)| *action)
    }

    /// What a multiplexer's call of a part gets.
    fn through(
        &self,
        rules: &[(&Value, u32)],
        entries: &[&Value],
        default: u32,
        abi: &'static Abi,
        sub: &SubCall,
    ) -> Option<u32> {
        let whole = self.of_name(rules, abi, sub.name, None);
        let says_default = entries.iter().any(|entry| {
            names(entry).any(|name| name == sub.multiplexer)
                && self.is_whole(entry, sub.multiplexer)
        });
        let strictest = || {
            let mine = rules.iter().filter(|(entry, _)| names(entry).any(|n| n == sub.name));
            let all = mine.map(|(_, action)| *action).chain([default]);
            all.min_by_key(|action| action.cast_signed())
        };
        whole.or_else(|| if says_default { None } else { strictest() })
    }

    /// Whether an entry asks nothing of a call's arguments.
    fn is_whole(&self, entry: &Value, name: &str) -> bool {
        let list = conditions(entry);
        let each = || list.iter().any(|one| self.always_hold(std::slice::from_ref(one), name));
        is_whole(entry) || self.always_hold(list, name) || (is_choice(list) && each())
    }

    /// Whether conditions hold on every ABI for all values near their constants. That
    /// a mask or a register and something else about the same bits are never both false does
    /// not count.
    fn always_hold(&self, list: &[Value], name: &str) -> bool {
        let constants = list.iter().flat_map(|c| [number(&c["value"]), number(&c["valueTwo"])]);
        let around = |value: u64| [value, value.wrapping_add(1), value.wrapping_sub(1)];
        let near =
            |value| around(value).into_iter().flat_map(|it| [it, it | 3 << 32, it << 32 >> 32]);
        let values: Vec<u64> = constants.chain([0, 1 << 31, 1 << 32]).flat_map(near).collect();
        let abis = self.abis().into_iter();
        let calls: Vec<_> = abis.filter_map(|abi| Some((abi, abi.syscall(name)?))).collect();
        let width = |condition: &Value, abi: &Abi, known| {
            self.compared(condition, known).map_or(abi.word, |arg| arg.width)
        };
        let alike = calls.iter().all(|(abi, known)| {
            let is_mask = |c: &Value| {
                let bits = u64::MAX >> (64 - width(c, abi, known));
                c["op"] == "SCMP_CMP_MASKED_EQ" && number(&c["value"]) & bits != 0
            };
            let same = |a: &Value, b: &Value| {
                width(a, abi, known) == width(b, abi, known) && !is_mask(a) && !is_mask(b)
            };
            let apart = |a: &Value, b: &Value| a["index"] != b["index"] || same(a, b);
            list.iter().enumerate().all(|(at, a)| list.iter().take(at).all(|b| apart(a, b)))
        });
        !calls.is_empty()
            && alike
            && calls.into_iter().all(|(abi, known)| {
                values.iter().all(|&one| {
                    values.iter().all(|&two| {
                        let mut call = SeccompData { args: [two; 6], ..SeccompData::default() };
                        let index = list.first().map_or(0, |c| number(&c["index"]));
                        call.args[usize::try_from(index).unwrap()] = one;
                        self.hold(list, abi, known, &call)
                    })
                })
            })
    }

    fn hold(&self, list: &[Value], abi: &Abi, known: &Syscall, call: &SeccompData) -> bool {
        let mut holds = list.iter().map(|condition| self.condition(condition, abi, known, call));
        if is_choice(list) { holds.any(|it| it) } else { holds.all(|it| it) }
    }

    /// The argument whose width a condition is about; `None` if it is about the register.
    fn compared<'a>(&self, condition: &Value, known: &'a Syscall) -> Option<&'a Arg> {
        let index = u8::try_from(number(&condition["index"])).unwrap();
        let (value, second) = (number(&condition["value"]), number(&condition["valueTwo"]));
        let arg = known.args.iter().find(|arg| arg.regs == Regs::One(index));
        arg.filter(|arg| {
            let max = u64::MAX >> (64 - arg.width);
            let all_above = value | max == u64::MAX;
            let negative = all_above && arg.signed && value & max > max >> 1;
            let fits = match condition["op"].as_str().unwrap() {
                "SCMP_CMP_EQ" | "SCMP_CMP_NE" => value <= max || negative,
                "SCMP_CMP_LT" | "SCMP_CMP_GE" => value <= max && value > 0,
                "SCMP_CMP_LE" | "SCMP_CMP_GT" => value < max,
                _ => value <= max || (all_above && second <= max && value & max > 0),
            };
            !self.raw && fits
        })
    }

    fn condition(&self, condition: &Value, abi: &Abi, known: &Syscall, call: &SeccompData) -> bool {
        let index = usize::try_from(number(&condition["index"])).unwrap();
        let width = self.compared(condition, known).map_or(abi.word, |arg| arg.width);
        let bits = u64::MAX >> (64 - width);
        let (value, second) = (number(&condition["value"]) & bits, number(&condition["valueTwo"]));
        let is = call.args[index] & bits;
        match condition["op"].as_str().unwrap() {
            "SCMP_CMP_EQ" => is == value,
            "SCMP_CMP_NE" => is != value,
            "SCMP_CMP_LT" => is < value,
            "SCMP_CMP_LE" => is <= value,
            "SCMP_CMP_GT" => is > value,
            "SCMP_CMP_GE" => is >= value,
            "SCMP_CMP_MASKED_EQ" => is & value == second & value,
            other => panic!("{other}"),
        }
    }

    fn entries(&self) -> impl Iterator<Item = &'j Value> {
        self.profile["syscalls"].as_array().into_iter().flatten()
    }

    fn counts(&self, entry: &Value) -> bool {
        let filter = |name: &str| {
            let filter = &entry[name];
            let here = texts(&filter["arches"]).any(|arch| docker_name(self.host) == arch);
            let kernel = filter["minKernel"].as_str().map(|text| {
                let least: KernelVersion = text.parse().unwrap();
                self.kernel.unwrap_or(KernelVersion::TABLE) >= least
            });
            let arches = filter["arches"].as_array().is_some_and(|list| !list.is_empty());
            (arches.then_some(here), kernel)
        };
        let (included, excluded) = (filter("includes"), filter("excludes"));
        let has = |cap: &str| self.caps.contains(cap);
        included.0.unwrap_or(true)
            && included.1.unwrap_or(true)
            && !excluded.0.unwrap_or(false)
            && !excluded.1.unwrap_or(false)
            && texts(&entry["includes"]["caps"]).all(has)
            && !texts(&entry["excludes"]["caps"]).any(has)
    }

    /// The ABIs that are not foreign.
    fn abis(&self) -> Vec<&'static Abi> {
        let abi = |token: &str| {
            let name = token.strip_prefix("SCMP_ARCH_").unwrap().to_lowercase();
            filterc_abi::abi(if name == "x86" { "i386" } else { &name }).unwrap()
        };
        let rows = self.profile["archMap"].as_array().into_iter().flatten();
        let row =
            rows.filter(|row| abi(row["architecture"].as_str().unwrap()).name == self.host.name);
        let mapped = row.flat_map(|row| texts(&row["subArchitectures"]));
        let all = texts(&self.profile["architectures"]).chain(mapped).map(abi);
        let family = |abi: &&'static Abi| {
            let both = (self.host.kernel_arch, abi.kernel_arch);
            abi.endian == self.host.endian && (both.0 == both.1 || both == ("arm64", "arm"))
        };
        let mut abis = vec![self.host];
        abis.extend(all.filter(family).filter(|_| !self.host_only));
        abis
    }

    /// Whether a rule on `name` makes a number known: as the call itself, or as its multiplexer,
    /// which gets a rule whenever the call has one.
    fn covers(&self, abi: &'static Abi, name: &str, known: &Syscall) -> bool {
        let part = |sub: &SubCall| sub.name == name && sub.multiplexer == known.name;
        known.name == name || abi.sub_calls().iter().any(part)
    }

    /// The policy's kernel.
    fn newest(&self, entries: &[&Value]) -> Option<KernelVersion> {
        let abis = self.abis();
        let oldest = KernelVersion { major: 3, minor: 5 };
        let mut newest = None;
        for name in entries.iter().flat_map(|entry| names(entry)) {
            for abi in &abis {
                let since = abi.syscall(name).map(|call| call.since.unwrap_or(oldest).max(oldest));
                let part = abi.sub_calls().iter().any(|sub| sub.name == name);
                newest = newest.max(since).max(part.then_some(oldest));
            }
        }
        newest.map(|newest| self.kernel.unwrap_or(newest))
    }

    fn action(&self, object: &Value, action: &str, errno: &str) -> u32 {
        let number_key = format!("{errno}Ret");
        let named = object[errno]
            .as_str()
            .map(|name| u64::try_from(self.host.constant(name).unwrap()).unwrap());
        let errno = named.or_else(|| object[&number_key].as_u64());
        let data = u32::try_from(errno.unwrap_or(1)).unwrap();
        match object[action].as_str().unwrap() {
            "SCMP_ACT_ALLOW" => ALLOW,
            "SCMP_ACT_ERRNO" => 0x0005_0000 | data.min(4095),
            "SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => KILL_THREAD,
            "SCMP_ACT_LOG" => 0x7ffc_0000,
            "SCMP_ACT_NOTIFY" => 0x7fc0_0000,
            "SCMP_ACT_TRACE" => 0x7ff0_0000 | data,
            "SCMP_ACT_TRAP" => 0x0003_0000,
            other => panic!("{other}"),
        }
    }
}

/// The name of a machine in conditions.
fn docker_name(abi: &Abi) -> &'static str {
    match abi.name {
        "x86_64" => "amd64",
        "i386" => "x86",
        "aarch64" => "arm64",
        name => name,
    }
}

fn names(entry: &Value) -> impl Iterator<Item = &str> {
    entry["name"].as_str().filter(|name| !name.is_empty()).into_iter().chain(texts(&entry["names"]))
}

fn conditions(entry: &Value) -> &[Value] {
    entry["args"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether an entry asks nothing of the arguments: it has no conditions, or one alternative
/// whose masks have no bits.
fn is_whole(entry: &Value) -> bool {
    let list = conditions(entry);
    let empty = |condition: &Value| {
        condition["op"] == "SCMP_CMP_MASKED_EQ" && number(&condition["value"]) == 0
    };
    if is_choice(list) { list.iter().any(empty) } else { list.iter().all(empty) }
}

/// Whether one of the conditions is enough: two are about one argument.
fn is_choice(list: &[Value]) -> bool {
    let indices: BTreeSet<u64> = list.iter().map(|c| number(&c["index"])).collect();
    indices.len() < list.len()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
