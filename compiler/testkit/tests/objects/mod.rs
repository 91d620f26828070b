//! A kernel that is made up: tasks, and file systems with entries, objects and labels.

use std::collections::BTreeMap;

use filterc_abi::members::{
    DENTRY_INODE, DENTRY_PARENT, FILE_DENTRY, INODE_NUMBER, INODE_SUPER, PATH_DENTRY, Path,
    SUPER_DEVICE,
};
use filterc_abi::objects::{Handle, ObjectHook};
use filterc_abi::{Endian, Facts, SeccompData};
use filterc_ebpf::btf::Builder;
use filterc_ebpf::interp::MapId;
use filterc_ebpf::labels::{self, Key};
use filterc_ebpf::{Fixed, Host, audit};
use filterc_hir::policy::{Policy, Selector};
use filterc_testkit::rng::Rng;

const TASK: u64 = 0xffff_8880_1234_0000;
const REGS: u64 = 0xffff_c900_0000_3f58;
/// The structures, each a page.
const FIRST: u64 = 0xffff_8880_2000_0000;
const I386: u32 = 0x4000_0003;
const X86_64: u32 = 0xc000_003e;

/// Where a kernel has the members that lead to objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets {
    pub(crate) file_dentry: u16,
    pub(crate) path_dentry: u16,
    pub(crate) dentry_parent: u16,
    pub(crate) dentry_inode: u16,
    pub(crate) inode_super: u16,
    pub(crate) inode_number: u16,
    pub(crate) super_device: u16,
}

impl Default for Offsets {
    /// Those that programs have before they are loaded.
    fn default() -> Self {
        let of = |path: &Path| u16::try_from(path.offset()).unwrap();
        Self {
            file_dentry: of(&FILE_DENTRY),
            path_dentry: of(&PATH_DENTRY),
            dentry_parent: of(&DENTRY_PARENT),
            dentry_inode: of(&DENTRY_INODE),
            inode_super: of(&INODE_SUPER),
            inode_number: of(&INODE_NUMBER),
            super_device: of(&SUPER_DEVICE),
        }
    }
}

impl Offsets {
    /// The types of such a kernel.
    pub(crate) fn types(self) -> Vec<u8> {
        let mut types = Builder::new(Endian::Little);
        let [short, long] = [4, 8].map(|bytes| types.int("a number", bytes, false));
        let pointer = types.pointer(0);
        let at = u32::from;
        let path = types.structure("path", 200, &[("dentry", pointer, at(self.path_dentry))]);
        let f_path = at(self.file_dentry - self.path_dentry);
        types.structure("file", 400, &[("f_path", path, f_path)]);
        let (parent, inode) = (at(self.dentry_parent), at(self.dentry_inode));
        types.structure(
            "dentry",
            200,
            &[("d_parent", pointer, parent), ("d_inode", pointer, inode)],
        );
        let (of_super, number) = (at(self.inode_super), at(self.inode_number));
        types.structure("inode", 200, &[("i_sb", pointer, of_super), ("i_ino", long, number)]);
        types.structure("super_block", 200, &[("s_dev", short, at(self.super_device))]);
        let info = types.structure("thread_info", 24, &[("status", short, 16)]);
        types.structure("task_struct", 200, &[("thread_info", info, 0)]);
        types.structure("pt_regs", 168, &[("r15", long, 0)]);
        types.finish()
    }
}

/// Who makes which call.
pub(crate) struct Who {
    pub(crate) call: SeccompData,
    pub(crate) facts: Facts,
}

impl Who {
    /// Somebody, and mostly a call that the policy names.
    pub(crate) fn new(rng: &mut Rng, policy: &Policy) -> Self {
        let part = rng.pick(policy.abis()).unwrap();
        let named = part.arms().iter().filter_map(|arm| match arm.selector {
            Selector::Nr(nr) | Selector::Range(nr, _) => Some(nr),
            Selector::Known => None,
        });
        let mut numbers: Vec<u32> = named.collect();
        numbers.push(rng.below(460) as u32);
        let call = SeccompData {
            nr: rng.pick(&numbers).unwrap().cast_signed(),
            arch: part.abi().audit_arch,
            instruction_pointer: rng.next(),
            args: [(); 6].map(|()| rng.next()),
        };
        let names: [&[u8]; 4] = [b"web", b"webserver", b"sh", b"we"];
        let facts = Facts {
            pid: 10 + rng.below(2) as u32,
            tid: 10 + rng.below(2) as u32,
            uid: rng.below(2) as u32,
            gid: *rng.pick(&[0, 99, 100, 200, 201]).unwrap(),
            cpu: rng.below(3) as u32,
            cgroup: 6 + rng.below(3) as u64,
            comm: Facts::comm(rng.pick(&names).unwrap()),
            label: 0,
        };
        Self { call, facts }
    }

    fn registers(&self) -> Vec<u8> {
        let mut regs = vec![0x5a; 168];
        put(&mut regs, 120, i64::from(self.call.nr).cast_unsigned());
        put(&mut regs, 128, self.call.instruction_pointer);
        let compat = self.call.arch == I386;
        let places = if compat { [40, 88, 96, 104, 112, 32] } else { [112, 104, 96, 56, 72, 64] };
        assert!(compat || self.call.arch == X86_64);
        for (at, value) in places.into_iter().zip(self.call.args) {
            put(&mut regs, at, value);
        }
        regs
    }
}

/// An entry of a folder.
struct Entry {
    /// The folder; its own for a root.
    parent: usize,
    /// The object, if it has one.
    inode: Option<u64>,
    /// The file system.
    device: u32,
}

/// File systems, and the labels of their objects.
pub(crate) struct World {
    entries: Vec<Entry>,
    objects: BTreeMap<Key, u64>,
    trees: BTreeMap<Key, u64>,
}

/// An interpreter's kernel.
pub(crate) struct Ready {
    pub(crate) host: Host<Fixed>,
    pub(crate) maps: Vec<MapId>,
}

impl World {
    /// Two trees of entries; about half of what is in them has labels.
    pub(crate) fn new(rng: &mut Rng, labels: usize) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        for device in [0x10_0003, 0x80_0001] {
            let root = entries.len();
            entries.push(Entry { parent: root, inode: Some(2), device });
            for number in 0..12_u64 {
                let below: Vec<usize> =
                    (root..entries.len()).filter(|at| entries[*at].inode.is_some()).collect();
                let parent = *rng.pick(&below).unwrap();
                // Some are two names of one object, and some have none.
                let inode = match rng.below(6) {
                    0 => None,
                    1 => Some(3),
                    _ => Some(100 + number),
                };
                entries.push(Entry { parent, inode, device });
            }
        }
        let mut world = Self { entries, objects: BTreeMap::new(), trees: BTreeMap::new() };
        let keys: Vec<Key> = (0..world.entries.len()).filter_map(|at| world.key(at)).collect();
        for key in keys {
            let set = |rng: &mut Rng| (rng.next() | rng.next()) & ((1 << labels) - 1);
            if rng.below(2) == 0 {
                world.objects.insert(key, set(rng));
            }
            if rng.below(4) == 0 {
                world.trees.insert(key, set(rng) & set(rng));
            }
        }
        world
    }

    fn key(&self, at: usize) -> Option<Key> {
        let Entry { inode, device, .. } = self.entries[at];
        Some(Key { inode: inode?, device })
    }

    /// The labels of what an entry names: its object's, and those of the folders above.
    fn labels(&self, at: usize) -> u64 {
        let of = |map: &BTreeMap<Key, u64>, at| {
            self.key(at).and_then(|key| map.get(&key).copied()).unwrap_or(0)
        };
        let mut labels = of(&self.objects, at);
        let mut at = at;
        while self.entries[at].parent != at {
            at = self.entries[at].parent;
            labels |= of(&self.trees, at);
        }
        labels
    }

    /// Arguments for a hook, and the labels of the objects that it shows.
    pub(crate) fn arguments(&self, rng: &mut Rng, hook: &ObjectHook) -> (Vec<u8>, Vec<u64>) {
        let mut arguments = vec![0x77; 8 * usize::from(hook.arguments)];
        let mut labels = Vec::new();
        for shown in hook.shows {
            let at = rng.below(self.entries.len());
            let address = match shown.handle {
                Handle::Dentry => page(at, 0),
                Handle::File => page(at, 2),
                Handle::Path => page(at, 3),
            };
            put(&mut arguments, 8 * usize::from(shown.argument), address);
            labels.push(self.labels(at));
        }
        (arguments, labels)
    }

    /// A kernel with these file systems and a task.
    pub(crate) fn host(&self, who: &Who, offsets: Offsets, flags: u64) -> Ready {
        let mut task = vec![0xa5; 64];
        let status = if who.call.arch == I386 { 0xfe } else { 0xfd_u32 };
        task[16..20].copy_from_slice(&status.to_le_bytes());
        let mut kernel = vec![(TASK, task), (REGS, who.registers())];
        for at in 0..self.entries.len() {
            kernel.extend(self.structures(at, offsets));
        }
        let Facts { pid, tid, uid, gid, cpu, cgroup, comm, .. } = who.facts;
        let environment = Fixed {
            processor: cpu,
            pid_tgid: u64::from(pid) << 32 | u64::from(tid),
            uid_gid: u64::from(gid) << 32 | u64::from(uid),
            comm,
            cgroup_id: cgroup,
            task: TASK,
            registers: REGS,
            kernel,
            ..Fixed::default()
        };
        let mut host = Host::new(environment, Endian::Little);
        let specs = audit::MAPS.into_iter().chain(labels::MAPS);
        let maps: Vec<MapId> = specs.map(|(_, spec)| host.add_map(spec).unwrap()).collect();
        for (place, map) in [(labels::OBJECTS, &self.objects), (labels::TREES, &self.trees)] {
            for (key, set) in map {
                let key = key.to_bytes(Endian::Little);
                host.update(maps[place], &key, &set.to_le_bytes()).unwrap();
            }
        }
        if flags != 0 {
            assert!(host.set_task_value(maps[audit::TASKS], TASK, &flags.to_le_bytes()));
        }
        Ready { host, maps }
    }

    /// An entry, its object and file system, and an open file and a path of it.
    fn structures(&self, at: usize, offsets: Offsets) -> Vec<(u64, Vec<u8>)> {
        let Entry { parent, inode, device } = self.entries[at];
        let memory = || vec![0x6b; 256];
        let [mut entry, mut object, mut file, mut path, mut system] = [(); 5].map(|()| memory());
        put(&mut entry, offsets.dentry_parent.into(), page(parent, 0));
        let address = if inode.is_some() { page(at, 1) } else { 0 };
        put(&mut entry, offsets.dentry_inode.into(), address);
        put(&mut object, offsets.inode_number.into(), inode.unwrap_or(0));
        put(&mut object, offsets.inode_super.into(), page(at, 4));
        put(&mut file, offsets.file_dentry.into(), page(at, 0));
        put(&mut path, offsets.path_dentry.into(), page(at, 0));
        let device_at = usize::from(offsets.super_device);
        system[device_at..device_at + 4].copy_from_slice(&device.to_le_bytes());
        [entry, object, file, path, system]
            .into_iter()
            .zip(0..)
            .map(|(bytes, part)| (page(at, part), bytes))
            .collect()
    }

    /// Arguments for a hook that show an entry below more folders than are looked at.
    pub(crate) fn deep(&self, kernel: &mut Fixed, offsets: Offsets, hook: &ObjectHook) -> Vec<u8> {
        let first = self.entries.len();
        let count = 200;
        let inode = |at: usize| Some(1000 + at as u64);
        let chain = World {
            entries: (0..first + count)
                .map(|at| Entry {
                    parent: (at + 1).min(first + count - 1),
                    inode: inode(at),
                    device: 9,
                })
                .collect(),
            objects: BTreeMap::new(),
            trees: BTreeMap::new(),
        };
        for at in first..first + count {
            kernel.kernel.extend(chain.structures(at, offsets));
        }
        let mut arguments = vec![0; 8 * usize::from(hook.arguments)];
        for shown in hook.shows {
            let part = match shown.handle {
                Handle::Dentry => 0,
                Handle::File => 2,
                Handle::Path => 3,
            };
            put(&mut arguments, 8 * usize::from(shown.argument), page(first, part));
        }
        arguments
    }
}

/// Where a structure of an entry lies.
fn page(at: usize, part: u64) -> u64 {
    FIRST + (5 * at as u64 + part) * 0x1000
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}
