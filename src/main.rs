//! Parses the command line, runs it, and gives its exit code.

/// Events are many small values that one thread makes and another drops; under that load the system's
/// allocator took 40 % of the daemon's processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    provost::cli::main()
}
