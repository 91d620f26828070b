//! Names of forms.

use clap::ValueEnum;

/// The forms of policies and programs that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Format {
    /// The policy language
    Flt,
    /// A program
    Bpf,
    /// A profile of Docker, Podman or OCI's config.json
    Oci,
    /// A SeccompProfile of Kubernetes
    Kubernetes,
    /// A policy of minijail
    Minijail,
    /// A policy of kafel
    Kafel,
    /// Filters of seccompiler, as Firecracker's
    Seccompiler,
    /// A unit file of systemd
    Systemd,
    /// A seccomp policy of LXC
    Lxc,
    /// A list of bionic
    Bionic,
    /// A rule set of the filters of 2011
    #[value(name = "ftrace-2011")]
    Ftrace2011,
}

impl Format {
    /// Its name on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flt => "flt",
            Self::Bpf => "bpf",
            Self::Oci => "oci",
            Self::Kubernetes => "kubernetes",
            Self::Minijail => "minijail",
            Self::Kafel => "kafel",
            Self::Seccompiler => "seccompiler",
            Self::Systemd => "systemd",
            Self::Lxc => "lxc",
            Self::Bionic => "bionic",
            Self::Ftrace2011 => "ftrace-2011",
        }
    }
}
