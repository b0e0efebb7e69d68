//! Parses the command line, runs it, and gives its exit code.

/// Events are many small values that one thread makes and another drops; under that load the system's
/// allocator took 40 % of the daemon's processor time. Of the two that are made for it, mimalloc gave pages
/// back between batches and fetched them again, and held half as much memory again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    provost::cli::main()
}
