//! Compiles the policies into `OUT_DIR`; a mistake in one fails the build.

fn main() {
    filterc::build::compile_policy("policy.flt");
    filterc::build::compile_policy("logger.flt");
}
