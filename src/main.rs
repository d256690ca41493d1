//! The `socklint` program: everything is in the library.

fn main() -> std::process::ExitCode {
    socklint::cli::main()
}
