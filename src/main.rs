//! The `lowcode` binary.

fn main() -> std::process::ExitCode {
    lowcode::cli::main(std::env::args_os())
}
