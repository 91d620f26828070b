//! How a foreign policy is read: what it leaves to its machine and its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use filterc_abi::{self as abi, Abi, KernelVersion};
use filterc_import::Width;
use filterc_import::minijail::Dialect;
use filterc_import::oci::{self, Covering, DOCKER_CAPS, Enosys};
use filterc_import::systemd::Listing;

use crate::console::Failure;
use crate::foreign::format::Format;
use crate::input;

/// How a foreign policy is read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// What it is, where that is known.
    pub(crate) format: Option<Format>,
    pub(crate) abi: &'static Abi,
    pub(crate) width: Width,
    pub(crate) covering: Covering,
    pub(crate) caps: BTreeSet<String>,
    pub(crate) kernel: Option<KernelVersion>,
    pub(crate) enosys: Enosys,
    /// Which filter of several.
    pub(crate) filter: Option<String>,
    /// Which profile of several.
    pub(crate) profile: Option<String>,
    pub(crate) dialect: Dialect,
    pub(crate) kill_process: bool,
    pub(crate) constants: BTreeMap<String, u64>,
    pub(crate) sets: Option<Listing>,
    pub(crate) secondary: bool,
    pub(crate) include: Vec<PathBuf>,
}

/// The options that a side of a comparison can have.
const OPTIONS: &str = "from=FORMAT, arch=ABI, cap=CAP_…, kernel=VERSION, enosys=age|runc|never, \
                       host-only, raw, filter=NAME (or thread=NAME), profile=NAME, \
                       compiler=library|tool, kill=thread|process, sets=FILE and secondary";

impl Reading {
    /// For a machine of an ABI, this one's without a name.
    pub(crate) fn new(arch: Option<&str>) -> Result<Self, Failure> {
        Ok(Self {
            format: None,
            abi: host(arch)?,
            width: Width::default(),
            covering: Covering::default(),
            caps: BTreeSet::new(),
            kernel: None,
            enosys: Enosys::default(),
            filter: None,
            profile: None,
            dialect: Dialect::default(),
            kill_process: false,
            constants: BTreeMap::new(),
            sets: None,
            secondary: false,
            include: Vec::new(),
        })
    }

    /// With one option as `OPTION=VALUE`; `flag` is how the command line calls it.
    pub(crate) fn with(&mut self, flag: &str, text: &str) -> Result<(), Failure> {
        use clap::ValueEnum as _;
        let wrong = |why: &str| Failure::Environment(format!("{flag} {text}: {why}"));
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let need = || value.ok_or_else(|| wrong("write OPTION=VALUE"));
        match name {
            "from" => {
                let format = Format::from_str(need()?, false);
                self.format = Some(format.map_err(|_| wrong("no such format"))?);
            }
            "arch" => self.abi = host(Some(need()?))?,
            "cap" => {
                let names: Vec<String> = need()?.split(',').map(str::to_owned).collect();
                self.caps.extend(caps(&names)?);
            }
            "kernel" => self.kernel = Some(kernel(need()?).map_err(|why| wrong(&why))?),
            "enosys" => {
                self.enosys = match need()? {
                    "age" => Enosys::ByAge,
                    "runc" => Enosys::ByNumber,
                    "never" | "crun" => Enosys::Never,
                    _ => return Err(wrong("there are age, runc and never")),
                }
            }
            "host-only" => self.covering = Covering::Host,
            "raw" => self.width = Width::Registers,
            "filter" | "thread" => self.filter = Some(need()?.to_owned()),
            "profile" => self.profile = Some(need()?.to_owned()),
            "compiler" => {
                self.dialect = match need()? {
                    "library" => Dialect::Library,
                    "tool" => Dialect::Tool,
                    _ => return Err(wrong("there are library and tool")),
                }
            }
            "kill" => {
                self.kill_process = match need()? {
                    "thread" => false,
                    "process" => true,
                    _ => return Err(wrong("there are thread and process")),
                }
            }
            "sets" => self.sets = Some(listing(Path::new(need()?))?),
            "secondary" => self.secondary = true,
            _ => return Err(wrong(&format!("there are {OPTIONS}"))),
        }
        Ok(())
    }

    /// With constants as `-D NAME=VALUE` gives them.
    pub(crate) fn define(&mut self, given: &[(String, i128)]) {
        let bits = i128::from(u64::MAX);
        let value = |value: i128| u64::try_from(value & bits).unwrap_or_default();
        self.constants.extend(given.iter().map(|(name, it)| (name.clone(), value(*it))));
    }
}

/// The groups in what `systemd-analyze syscall-filter` printed.
pub(crate) fn listing(path: &Path) -> Result<Listing, Failure> {
    let source = input::source(path)?;
    Listing::parse(source.contents()).ok_or_else(|| {
        let text = "no groups, as `systemd-analyze syscall-filter` prints them";
        Failure::Environment(format!("{}: {text}", path.display()))
    })
}

/// Capabilities by their names; `docker` stands for those that Docker gives by default.
pub(crate) fn caps(names: &[String]) -> Result<BTreeSet<String>, Failure> {
    let mut caps = BTreeSet::new();
    for name in names {
        if name == "docker" {
            caps.extend(DOCKER_CAPS.iter().map(|&cap| cap.to_owned()));
        } else if name.starts_with("CAP_") {
            caps.insert(name.clone());
        } else {
            let text = format!("--cap {name}: a capability is written as in CAP_SYS_ADMIN");
            return Err(Failure::Environment(text));
        }
    }
    Ok(caps)
}

/// A kernel's version.
pub(crate) fn kernel(text: &str) -> Result<KernelVersion, String> {
    let version: KernelVersion =
        text.parse().map_err(|()| "a version is written as in 6.6".to_owned())?;
    if version > KernelVersion::TABLE {
        return Err(format!("the tables end with {}", KernelVersion::TABLE));
    }
    Ok(version)
}

/// The ABI of a machine, by our name or libseccomp's; this machine's without one.
pub(crate) fn host(name: Option<&str>) -> Result<&'static Abi, Failure> {
    match name {
        Some(name) => oci::of_token(name).map_or_else(|| input::abi_named(name), Ok),
        None => abi::host().ok_or_else(|| {
            Failure::Environment(
                "this machine's ABI has no tables: give one with --arch".to_owned(),
            )
        }),
    }
}
