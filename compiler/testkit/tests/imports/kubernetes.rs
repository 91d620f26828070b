//! Kubernetes' profiles: in YAML they mean what they do in JSON, and what a reading line by line
//! makes of other people's.

use filterc_abi::{Abi, SeccompData};
use filterc_grammar::source::FileId;
use filterc_import::kubernetes::{Options, import};
use filterc_import::oci;
use filterc_testkit::corpus;

use super::{ALLOW, ERRNO, KILL_THREAD, LOG, check, corpora, host, known};

fn options(abi: &'static Abi, profile: Option<&str>) -> Options {
    let mut oci = oci::Options::new(abi);
    oci.enosys = oci::Enosys::Never;
    Options { oci, profile: profile.map(str::to_owned) }
}

#[test]
fn yaml_is_what_json_is() {
    let folder = corpus::folder("import/kubernetes");
    let (yaml, json) =
        (corpus::text(&folder.join("profiles.yaml")), corpus::text(&folder.join("web.json")));
    for abi in ["x86_64", "aarch64"] {
        let options = options(host(abi), Some("web"));
        let of_yaml = import(FileId(0), &yaml, &options).unwrap();
        let of_json = oci::import(FileId(0), &json, &options.oci).unwrap();
        assert_eq!(of_yaml.document, of_json.document);
    }
    let none = import(FileId(0), &yaml, &options(host("x86_64"), None)).unwrap_err();
    assert_eq!(none[0].code.0, "F0751");
}

fn action(text: &str) -> u32 {
    match text.trim_matches('"') {
        "SCMP_ACT_ALLOW" => ALLOW,
        "SCMP_ACT_ERRNO" => ERRNO | 1,
        "SCMP_ACT_LOG" => LOG,
        "SCMP_ACT_KILL" => KILL_THREAD,
        other => panic!("{other}"),
    }
}

/// What a resource without conditions says, line by line.
fn decide(resource: &str, abi: &'static Abi, call: &SeccompData) -> u32 {
    let name = known(abi, call).map_or("", |known| known.name);
    let default = resource.lines().find_map(|line| line.trim().strip_prefix("defaultAction: "));
    let mut current = None;
    for line in resource.lines().map(str::trim) {
        if let Some(said) = line.strip_prefix("- action: ") {
            current = Some(action(said));
        } else if let (Some(said), true) = (current, line.strip_prefix("- ") == Some(name)) {
            return said;
        }
    }
    action(default.unwrap())
}

#[test]
fn real_profiles_mean_what_they_say() {
    for path in corpora("security-profiles-operator", &["yaml"]) {
        let text = corpus::text(&path);
        for resource in
            text.split("---\n").filter(|it| it.lines().any(|line| line == "kind: SeccompProfile"))
        {
            let name = resource.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap();
            let imported = import(FileId(0), &text, &options(host("x86_64"), Some(name)))
                .unwrap_or_else(|list| panic!("{}: {name}: {list:#?}", path.display()));
            let decide = |abi, call: &SeccompData| Some(decide(resource, abi, call));
            check(name, &imported, &decide, KILL_THREAD);
        }
    }
}
