//! Modules of the kernel: loading all of one, and attaching it.

use std::ffi::{CStr, CString};

use filterc_abi::Endian;
use filterc_ebpf::btf::{UnitTypes, describe};
use filterc_ebpf::{Hook, Module, NamedMap, Unit, consistent};

use super::btf::Btf;
use super::error::{BpfError, ModuleLoadError};
use super::kernel::{Kernel, event_id};
use super::log::rejection;
use super::map::Map;
use super::program::{Link, Log, Program, ProgramKind, ProgramSpec, ProgramTypes};

/// A module whose programs the kernel has accepted. They go, with their maps, when this is
/// dropped.
#[derive(Debug)]
pub struct Loaded {
    maps: Vec<(String, Map)>,
    programs: Vec<(String, Hook, Program)>,
}

impl Loaded {
    /// Makes the maps, and has the kernel verify all programs: with their types and lines, so that
    /// what it says can be told in terms of the policy.
    ///
    /// # Errors
    /// The first thing that the kernel refuses.
    pub fn load(module: &Module) -> Result<Self, ModuleLoadError> {
        Self::load_logged(module, Log::Refusals)
    }

    /// The same, and the verifier tells so much of the programs that it accepts.
    ///
    /// # Errors
    /// As there.
    pub fn load_logged(module: &Module, log: Log) -> Result<Self, ModuleLoadError> {
        consistent(module)?;
        let mut kernel = Kernel::default();
        let mut module = kernel.relocated(module)?.into_owned();
        // Kernels before 5.16 know no notes about declarations, and no kernel needs these.
        module.labels.clear();
        let module = &module;
        let types = describe(module, Endian::HOST);
        let of = |what: &str| {
            let what = what.to_owned();
            move |error| ModuleLoadError::Bpf { what, error }
        };
        let btf = Btf::load(&types.btf).map_err(of("the module"))?;
        let mut maps = Vec::new();
        for (map, ids) in module.maps.iter().zip(&types.maps) {
            let made = make(map, &btf, (ids.key, ids.value));
            maps.push((map.name.clone(), made.map_err(of(&format!("map `{}`", map.name)))?));
        }
        let license = CString::new(module.license.as_str()).unwrap_or_default();
        let loader = Loader { license: &license, btf: &btf, log };
        let mut loaded = Self { maps, programs: Vec::new() };
        for (unit, types) in module.units.iter().zip(&types.units) {
            let maps: Vec<&Map> = loaded.maps.iter().map(|(_, map)| map).collect();
            let program = loader.program(unit, types, kernel.kind(&unit.hook)?, &maps)?;
            loaded.programs.push((unit.name.clone(), unit.hook.clone(), program));
        }
        Ok(loaded)
    }

    /// The map of that name.
    #[must_use]
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.maps.iter().find(|(known, _)| known == name).map(|(_, map)| map)
    }

    /// The programs with their names and hooks, in the module's order.
    pub fn programs(&self) -> impl Iterator<Item = (&str, &Hook, &Program)> {
        self.programs.iter().map(|(name, hook, program)| (name.as_str(), hook, program))
    }

    /// Attaches the programs, in the module's order; those that run on request stay as they are.
    ///
    /// # Errors
    /// What the kernel said of the first that it refused; those before it are detached again.
    pub fn attach(&self) -> Result<Vec<Link>, ModuleLoadError> {
        let mut links = Vec::new();
        for (name, hook, program) in self.programs() {
            let of = |error: BpfError| {
                let absent = error.errno == libc::ENOENT;
                if absent {
                    return ModuleLoadError::NoHook { hook: hook.section() };
                }
                ModuleLoadError::Bpf { what: format!("program `{name}`"), error }
            };
            links.push(match hook {
                Hook::Syscall => continue,
                Hook::Tracepoint { subsystem, event } => {
                    program.attach_tracepoint(event_id(subsystem, event)?).map_err(of)?
                }
                Hook::RawTracepoint(name) => {
                    let name = CString::new(name.as_str()).unwrap_or_default();
                    program.attach_raw_tracepoint(&name).map_err(of)?
                }
                Hook::TracepointBtf(_) | Hook::Lsm(_) => program.attach().map_err(of)?,
            });
        }
        Ok(links)
    }
}

/// What the programs of a module have in common.
struct Loader<'a> {
    license: &'a CStr,
    btf: &'a Btf,
    log: Log,
}

impl Loader<'_> {
    fn program(
        &self,
        unit: &Unit,
        types: &UnitTypes,
        kind: ProgramKind,
        maps: &[&Map],
    ) -> Result<Program, ModuleLoadError> {
        let Self { license, btf, log } = *self;
        let spec = ProgramSpec { kind, name: &unit.name, license, log, maps };
        let (functions, lines) = (types.functions.as_slice(), types.lines.as_slice());
        let types = ProgramTypes { btf, functions, lines };
        Program::load_typed(&unit.insns, &spec, &types).map_err(|refusal| {
            if refusal.log.is_empty() {
                let what = format!("program `{}` ({})", unit.name, unit.hook.section());
                ModuleLoadError::Bpf { what, error: refusal.error }
            } else {
                ModuleLoadError::Rejected(Box::new(rejection(unit, refusal)))
            }
        })
    }
}

fn make(map: &NamedMap, btf: &Btf, types: (u32, u32)) -> Result<Map, BpfError> {
    if types == (0, 0) {
        Map::create(map.spec, &map.name)
    } else {
        Map::create_typed(map.spec, &map.name, btf, types)
    }
}
