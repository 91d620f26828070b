//! Compiles the policy into `OUT_DIR`; a mistake in it fails the build.

fn main() {
    filterc::build::compile_policy("policy.flt");
}
