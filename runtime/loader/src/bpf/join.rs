//! Tasks that come into a control group later: a program that has them watched.
//!
//! It stands where calls begin (`sys_enter`), in front of the programs of the module. A task
//! without a value of its own that is in one of the groups, or below one, gets one there; from
//! then on it is watched like all others, and its children are. So the first call that it makes in
//! the group is the first that is told of it.

use filterc_ebpf::asm::error::AsmError;
use filterc_ebpf::{Insn, MapKind, MapSpec, assemble};

/// Most groups: each is a question to every stranger at every call.
pub const MAX_GROUPS: usize = 16;

/// The maps behind that of tasks: the groups, and the value that tasks get.
pub(super) const fn maps(groups: u32) -> [(&'static str, MapSpec); 2] {
    let kind = MapKind::CgroupArray;
    [
        ("groups", MapSpec { kind, key_size: 4, value_size: 4, max_entries: groups }),
        ("joined", MapSpec { kind: MapKind::Array, key_size: 4, value_size: 8, max_entries: 1 }),
    ]
}

/// The program. Its maps are that of tasks, and those of [`maps`].
///
/// # Errors
/// A fault of the text; there is none.
pub(super) fn program(groups: u32) -> Result<Vec<Insn>, AsmError> {
    let ask = |group| {
        format!(
            "r1 = map[idx:1] ll
             w2 = {group}
             call bpf_current_task_under_cgroup
             if w0 == 1 goto joined
            "
        )
    };
    let ask: String = (0..groups).map(ask).collect();
    assemble(&format!(
        "        call bpf_get_current_task_btf
         r6 = r0
         r1 = map[idx:0] ll
         r2 = r6
         r3 = 0
         r4 = 0
         call bpf_task_storage_get
         if r0 != 0 goto end
         {ask}
         goto end
joined:  r1 = map[idx:0] ll
         r2 = r6
         r3 = map[idx:2][0]+0 ll
         r4 = 1
         call bpf_task_storage_get
end:     r0 = 0
         exit
"
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use filterc_abi::Endian;
    use filterc_ebpf::verify::{Context, Patience, Target};
    use filterc_ebpf::{Fixed, Host, audit, interpret, verify};

    use super::{maps, program};

    #[test]
    fn tasks_in_a_group_get_the_value_and_no_others() {
        let [(_, tasks), ..] = audit::MAPS;
        for groups in [1, 2, 16] {
            let [(_, group_map), (_, joined)] = maps(groups);
            let specs = [tasks, group_map, joined];
            let target = Target {
                context: Context::RawTracepoint,
                maps: &specs,
                descriptors: &[],
                returns: (0, 0),
                patience: Patience::Usual,
            };
            let verified = verify(&program(groups).unwrap(), &target).unwrap();
            let mut host = Host::new(Fixed { task: 77, ..Fixed::default() }, Endian::HOST);
            let [tasks, group_map, joined] = specs.map(|spec| host.add_map(spec).unwrap());
            host.update(joined, &[0; 4], &9_u64.to_ne_bytes()).unwrap();
            let run = |host: &mut Host<Fixed>| {
                let outcome = interpret(verified.program(), host, &mut [0; 16], 1_000).unwrap();
                assert_eq!(outcome.ret, 0);
                host.task_value(tasks, host.environment.task).map(<[u8]>::to_vec)
            };
            // No group was put there yet; then some, and the task is in none.
            assert_eq!(run(&mut host), None);
            for group in 0..groups {
                let descriptor = 100 + group;
                host.update(group_map, &group.to_ne_bytes(), &descriptor.to_ne_bytes()).unwrap();
            }
            host.environment.cgroups = vec![3];
            assert_eq!(run(&mut host), None);
            // In the last one.
            host.environment.cgroups.push(99 + groups);
            assert_eq!(run(&mut host), Some(9_u64.to_ne_bytes().to_vec()));
            // Another one has a value already: it stays, 0 too.
            host.environment.task = 78;
            assert!(host.set_task_value(tasks, 78, &0_u64.to_ne_bytes()));
            assert_eq!(run(&mut host), Some(vec![0; 8]));
        }
    }
}
