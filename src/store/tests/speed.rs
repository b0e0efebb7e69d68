//! How fast batches are written; run by hand, prints rows a second.

use super::*;
use crate::clock::Stopwatch;

const BATCHES: usize = 200;
const ROWS: usize = 256;
const SUBJECTS: usize = 5_000;

/// Commits batches of rows of about 2 KB, spread over subjects that come back.
fn run(store: &Store, daemon: i64, lane: usize) {
    let mut writer = store.writer().expect("connects");
    let filler = "lorem ipsum dolor ".repeat(40);
    for batch in 0..BATCHES {
        let names: Vec<(String, String)> = (0..ROWS)
            .map(|row| {
                let number = batch * ROWS + row;
                let subject = (number * 7_919) % SUBJECTS;
                (format!("{lane}-c{subject:05}"), format!("{lane}-{number}"))
            })
            .collect();
        let given: Vec<Given<'_>> = names
            .iter()
            .map(|(subject, id)| (subject.as_str(), id.as_str()))
            .collect();
        commit_with(&mut writer, daemon, &given, |write| {
            for row in &mut write.journal {
                row.facts.clone_from(&filler);
                row.body = Arc::from(format!("{}{filler}", row.body));
            }
        })
        .expect("commits");
    }
}

fn measure(name: &str, scratch: &Scratch, lanes: usize) {
    let store = scratch.store();
    let daemon = register(&store, "one");
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let store = &store;
            scope.spawn(move || run(store, daemon, lane));
        }
    });
    let seconds = watch.elapsed().as_secs_f64();
    let rows = u32::try_from(lanes * BATCHES * ROWS).expect("few");
    #[allow(clippy::print_stderr, reason = "a measurement is for a person")]
    {
        eprintln!(
            "{name}, {lanes} lane(s): {:.0} rows/s",
            f64::from(rows) / seconds
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn batches_a_second() {
    measure("sqlite", &Scratch::sqlite(), 1);
    for lanes in [1, 2] {
        if let Some(scratch) = Scratch::postgres() {
            measure("postgres", &scratch, lanes);
        }
    }
}
