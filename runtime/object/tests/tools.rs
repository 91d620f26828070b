//! The tools of others take our files: LLVM, bpftool, libbpf in a program in C, and the verifier of
//! the running kernel, which quotes the policy. What is missing is said and skipped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests say what they expect"
)]

mod sample;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use filterc_abi::Endian;
use filterc_ebpf::{Hook, Module, Unit};
use filterc_object::{read, write};
use sample::{answered, asking, labelled, line, made_up, module, on_request};

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The module without what kernels refuse to everybody: programs of security modules.
fn loadable() -> Module {
    let mut module = module();
    module.units.retain(|unit| !matches!(unit.hook, Hook::Lsm(_)));
    module
}

fn file(folder: &Path, name: &str, module: &Module) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, write(module, Endian::HOST).unwrap()).unwrap();
    path
}

/// What a tool prints, if it is there.
fn run(folder: &Path, tool: &str, args: &[&str]) -> Option<Output> {
    match Command::new(tool).args(args).current_dir(folder).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: {tool}: {error}");
            None
        }
    }
}

#[track_caller]
fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn llvm_sees_programs_maps_and_relocations() {
    let folder = scratch("llvm");
    for endian in [Endian::Little, Endian::Big] {
        fs::write(folder.join("m.bpf.o"), write(&module(), endian).unwrap()).unwrap();
        let args = ["-t", "-r", "-d", "m.bpf.o"];
        let Some(output) = run(&folder, "llvm-objdump", &args) else { return };
        let text = printed(&output);
        for line in [
            "<count_enter>:",
            "<second_enter>:",
            "R_BPF_64_64\trecords",
            "R_BPF_64_64\tcounts",
            "R_BPF_64_64\tlost",
            "R_BPF_64_32\tadd",
            "lock *(u64 *)(r1 + 0) += r2",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}

#[test]
fn bpftool_reads_types_and_links() {
    let folder = scratch("bpftool");
    file(&folder, "m.bpf.o", &module());
    let Some(types) = run(&folder, "bpftool", &["btf", "dump", "file", "m.bpf.o"]) else { return };
    let text = printed(&types);
    for line in [
        "FUNC 'count_enter' type_id=6 linkage=global",
        "FUNC 'again' type_id=7 linkage=static",
        "VAR 'tasks'",
        "DATASEC '.maps' size=144 vlen=5",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // A pattern of a label is a note about the map of objects.
    file(&folder, "labelled.bpf.o", &labelled());
    let link = ["gen", "object", "linked.bpf.o", "labelled.bpf.o"];
    printed(&run(&folder, "bpftool", &link).unwrap());
    let dump = ["btf", "dump", "file", "linked.bpf.o"];
    let text = printed(&run(&folder, "bpftool", &dump).unwrap());
    assert!(text.contains("DECL_TAG 'filterc:label:0:secret:/etc/shadow'"), "{text}");
    let (linked, _) = read(&fs::read(folder.join("linked.bpf.o")).unwrap()).unwrap();
    assert_eq!(linked.labels, labelled().labels);
    let link = ["gen", "object", "linked.bpf.o", "m.bpf.o"];
    printed(&run(&folder, "bpftool", &link).unwrap());
    // libbpf's linker sorts maps and programs its own way; nothing is lost.
    let (linked, _) = read(&fs::read(folder.join("linked.bpf.o")).unwrap()).unwrap();
    let mut ours = module();
    let name = |unit: &Unit| unit.name.clone();
    let mut theirs = linked;
    assert_eq!(theirs.maps, ours.maps);
    theirs.units.sort_by_key(name);
    ours.units.sort_by_key(name);
    for (theirs, ours) in theirs.units.iter().zip(&ours.units) {
        assert_eq!(theirs, ours);
    }
    let skeleton = run(&folder, "bpftool", &["gen", "skeleton", "m.bpf.o", "name", "it"]).unwrap();
    let text = printed(&skeleton);
    assert!(text.contains("struct bpf_program *count_enter;"), "{text}");
    assert!(text.contains("struct bpf_map *tasks;"), "{text}");
}

/// Pins are made in a mount of our own, in a namespace of our own, and go with it.
fn load(folder: &Path, file: &str, then: &str) -> Option<Output> {
    let script = format!(
        "mkdir -p fs && mount -t bpf bpf fs && bpftool prog loadall {file} fs/p pinmaps fs/m && {then}"
    );
    run(folder, "unshare", &["--mount", "sh", "-c", &script])
}

/// Whether this process may load programs at all, and bpftool is there.
fn may_load(folder: &Path) -> bool {
    let probe = "mkdir -p fs && mount -t bpf bpf fs && bpftool version && \
                 bpftool map create fs/probe type array key 4 value 4 entries 1 name probe";
    match run(folder, "unshare", &["--mount", "sh", "-c", probe]) {
        Some(output) if output.status.success() => true,
        Some(output) => {
            println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        None => false,
    }
}

#[test]
fn bpftool_loads_and_the_kernel_quotes_the_policy() {
    let folder = scratch("load");
    if !may_load(&folder) {
        return;
    }
    file(&folder, "m.bpf.o", &loadable());
    let show = "ls fs/p fs/m && bpftool prog dump xlated pinned fs/p/count_enter";
    let text = printed(&load(&folder, "m.bpf.o", show).unwrap());
    for line in [
        "typed",
        "second_enter",
        "records",
        "; monitor tasks",
        "; deny write if count > 3",
        "; add 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // Notes about labels do not disturb libbpf or the kernel.
    let mut noted = labelled();
    noted.units.retain(|unit| !matches!(unit.hook, Hook::Lsm(_)));
    file(&folder, "labelled.bpf.o", &noted);
    printed(&load(&folder, "labelled.bpf.o", "true").unwrap());
    // A program that the verifier refuses: its log names the line.
    let mut bad = loadable();
    bad.units.truncate(1);
    let insns = filterc_ebpf::assemble("r0 = *(u64 *)(r1 + 0)\nr0 = r7\nexit").unwrap();
    bad.units[0].insns = insns;
    bad.units[0].functions.truncate(1);
    bad.units[0].lines = vec![line(0, 3, "monitor tasks"), line(1, 7, "    kill write if fd == 1")];
    file(&folder, "bad.bpf.o", &bad);
    let output = load(&folder, "bad.bpf.o", "true").unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    // Kernels from 6.9 on name the file as well.
    assert!(text.contains("; kill write if fd == 1"), "{text}");
    assert!(text.contains("R7 !read_ok"), "{text}");
}

/// Loads a file and runs its program on 21, with libbpf.
const IN_C: &str = r#"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	unsigned long long context[2] = { 21, 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = context, .ctx_size_in = sizeof(context));
	LIBBPF_OPTS(bpf_object_open_opts, types, .btf_custom_path = argc == 4 ? argv[3] : NULL);
	struct bpf_object *object = bpf_object__open_file(argv[1], &types);
	struct bpf_program *program;
	struct bpf_map *map;
	int error;

	if (!object) {
		perror("open");
		return 1;
	}
	bpf_object__for_each_map(map, object)
		printf("map %s type %d key %u value %u entries %u\n", bpf_map__name(map), bpf_map__type(map),
		       bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map));
	bpf_object__for_each_program(program, object)
		printf("program %s in %s of type %d, %zu slots\n", bpf_program__name(program),
		       bpf_program__section_name(program), bpf_program__type(program),
		       bpf_program__insn_cnt(program));
	if (argc == 3)
		return 0;
	error = bpf_object__load(object);
	if (error) {
		printf("load %d\n", error);
		return error == -1 ? 2 : 1;
	}
	program = bpf_object__next_program(object, NULL);
	error = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	printf("run %d %llu\n", error, context[1]);
	bpf_object__close(object);
	return 0;
}
"#;

/// The program in C, if it can be built here.
fn libbpf(folder: &Path) -> Option<()> {
    fs::write(folder.join("main.c"), IN_C).unwrap();
    let built = run(folder, "cc", &["main.c", "-o", "main", "-lbpf"])?;
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr).into_owned();
        assert!(why.contains("bpf.h") || why.contains("-lbpf"), "{why}");
        println!("skipped: {}", why.lines().next().unwrap_or_default());
        return None;
    }
    Some(())
}

#[test]
fn libbpf_loads_and_runs() {
    let folder = scratch("libbpf");
    let Some(()) = libbpf(&folder) else { return };
    file(&folder, "all.bpf.o", &module());
    let text = printed(&run(&folder, "./main", &["all.bpf.o", "no"]).unwrap());
    for line in [
        "map tasks type 29 key 4 value 8 entries 0",
        "map records type 27 key 0 value 0 entries 4096",
        "map seen type 1 key 16 value 12 entries 100",
        "map counts type 2 key 4 value 8 entries 3",
        // What libbpf makes of a variable, named as its section.
        "map .data.lost type 2 key 4 value 16 entries 1",
        "map scratch type 6 key 4 value 40 entries 1",
        "program count_enter in raw_tp/sys_enter of type 17, 20 slots",
        "program keep in tracepoint/syscalls/sys_enter_openat of type 5, 2 slots",
        "program typed in tp_btf/sys_exit of type 26, 20 slots",
        "program object in lsm/file_open of type 29, 2 slots",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    file(&folder, "tried.bpf.o", &on_request());
    let output = run(&folder, "./main", &["tried.bpf.o"]).unwrap();
    if output.status.code() == Some(2) {
        return println!("skipped: programs cannot be loaded here");
    }
    assert!(printed(&output).contains("run 0 42"));
}

/// libbpf puts into our programs what the types of a kernel say: of the running one, and of one
/// that nobody has; and names what it lacks.
#[test]
fn libbpf_relocates_fields() {
    let folder = scratch("fields");
    let Some(()) = libbpf(&folder) else { return };
    file(&folder, "asking.bpf.o", &asking());
    fs::write(folder.join("moved.btf"), made_up(Endian::HOST, "status", 4)).unwrap();
    fs::write(folder.join("renamed.btf"), made_up(Endian::HOST, "condition", 4)).unwrap();
    let on = |types: &str| run(&folder, "./main", &["asking.bpf.o", "with", types]).unwrap();
    let moved = on("moved.btf");
    if moved.status.code() == Some(2) {
        return println!("skipped: programs cannot be loaded here");
    }
    let expected = format!("run 0 {}", answered(232, 132));
    let text = printed(&moved);
    assert!(text.contains(&expected), "{text}");
    // What it says of a member that is not there, its verifier log says too.
    let renamed = on("renamed.btf");
    let text = String::from_utf8_lossy(&renamed.stderr);
    assert!(!renamed.status.success() && text.contains("thread_info.status"), "{text}");
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return println!("skipped: this kernel does not tell its types");
    }
    let text = printed(&run(&folder, "./main", &["asking.bpf.o"]).unwrap());
    assert!(text.contains("run 0 "), "{text}");
    // The types that a program needs, as bpftool picks them out of all.
    let args = ["gen", "min_core_btf", "/sys/kernel/btf/vmlinux", "min.btf", "asking.bpf.o"];
    let Some(output) = run(&folder, "bpftool", &args) else { return };
    printed(&output);
    let least = printed(&on("min.btf"));
    assert_eq!(least, text);
    let dump = ["btf", "dump", "file", "min.btf"];
    let text = printed(&run(&folder, "bpftool", &dump).unwrap());
    for member in ["'task_struct'", "'status'", "'dentry'"] {
        assert!(text.contains(member), "{member}\n{text}");
    }
}
