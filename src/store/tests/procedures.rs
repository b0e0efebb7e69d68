//! Procedures: their versions and runs are written, found, moved, blanked and deleted.

use super::*;
use crate::domain::{
    actor::{Actor, ActorKind},
    procedure::version::{DRAFT, Published, Source, Stage, Version},
    run::{Run, RunState, StatedBy},
    world::Need,
};

fn version((slug, number): (&str, i64), stage: Stage) -> Version {
    Version {
        slug: slug.to_owned(),
        version: number,
        stage,
        source: Source::File(format!("{slug}.yaml")),
        definition: json!({
            "slug": slug, "display_name": "Refund", "trigger_description": "\"Money\", back",
            "steps": [{"id": "ask", "type": "collect_input", "variable": "order_id", "prompt": "Hällo?"}],
        }),
        changed_at: at(1),
        changed_by: "agent:dana".to_owned(),
        stopped: None,
    }
}

fn published(version: Version) -> Arc<Published> {
    Arc::new(Published::read(version).expect("valid"))
}

/// A run that waits for an answer until an instant.
fn run(id: &str, (subject, procedure): (&str, &str), ends_at: Timestamp) -> Run {
    let mut run = Run {
        run_id: id.to_owned(),
        procedure: procedure.to_owned(),
        version: 1,
        subject: subject.to_owned(),
        actor: Actor {
            kind: ActorKind::Customer,
            id: "ada".to_owned(),
            ..Actor::system("")
        },
        state: RunState::AwaitingInput,
        step: "ask".to_owned(),
        variables: BTreeMap::new(),
        wait: 1,
        tries: 0,
        steps_done: 0,
        request_id: None,
        early: Some("it's {\"broken\"}, \\ and all".to_owned()),
        started_at: at(1),
        updated_at: at(1),
        ends_at,
        reason: None,
        trail: Vec::new(),
    };
    run.set("order_id", json!("Ä-1"), StatedBy::Customer);
    run.pass("hello", "told the customer".to_owned(), at(1));
    run
}

/// A run that is over since an instant.
fn over(run: Run, since: Timestamp) -> Run {
    Run {
        state: RunState::Completed,
        updated_at: since,
        early: None,
        ..run
    }
}

fn write_versions(writer: &mut Writer, daemon: i64, id: &str, versions: &[Version]) {
    commit_with(writer, daemon, &[("procedure:refund", id)], |write| {
        write.procedures = versions.iter().cloned().map(published).collect();
    })
    .expect("commits");
}

fn write_runs(writer: &mut Writer, daemon: i64, id: &str, runs: &[Run]) {
    commit_with(writer, daemon, &[("c1", id)], |write| {
        write.runs = runs.iter().cloned().map(Arc::new).collect();
    })
    .expect("commits");
}

fn loaded(writer: &mut Writer, needs: &[Need]) -> World {
    let mut world = open(writer, &[("c1", "later")]).expect("opens").world;
    writer.load(needs, &mut world).expect("loads");
    writer.abandon();
    world
}

#[test]
fn versions_are_kept_as_they_were_written_and_what_is_published_is_known() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut desk = store.desk();
        let none = desk.published().expect("reads");
        assert_eq!((none.changed, none.newest.len()), (0, 0));
        let first = version(("refund", 1), Stage::Active);
        let draft = version(("refund", DRAFT), Stage::Draft);
        let other = version(("other", 1), Stage::Archived);
        write_versions(
            &mut writer,
            daemon,
            "a",
            &[other.clone(), draft.clone(), first.clone()],
        );
        let archived = version(("refund", 1), Stage::Archived);
        let second = Version {
            stopped: Some("it pays \"twice\"".to_owned()),
            ..version(("refund", 2), Stage::Active)
        };
        write_versions(
            &mut writer,
            daemon,
            "b",
            &[archived.clone(), second.clone()],
        );

        let all = desk.published().expect("reads");
        assert_eq!(all.changed, 2, "the batch that wrote last");
        assert_eq!(all.active.len(), 1);
        assert_eq!(all.active["refund"].version, second);
        assert_eq!(all.active["refund"].definition.steps.len(), 1);
        assert_eq!(all.newest["refund"], 2);
        assert_eq!(all.why_stopped("refund", 2), Some("it pays \"twice\""));
        assert_eq!(all.of_files.len(), 1);
        let of_refund = desk.procedure_versions(Some("refund"));
        assert_eq!(
            of_refund,
            Ok(vec![draft.clone(), archived.clone(), second.clone()])
        );
        let every = desk.procedure_versions(None);
        assert_eq!(every, Ok(vec![other, draft.clone(), archived, second]));
        assert_eq!(desk.procedure_version("refund", DRAFT), Ok(Some(draft)));
        assert_eq!(desk.procedure_version("refund", 3), Ok(None));
    });
}

#[test]
fn a_batch_loads_what_it_asks_for_as_others_have_changed_it() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut other = store.writer().expect("connects");
        let first = version(("refund", 1), Stage::Active);
        write_versions(&mut writer, daemon, "a", std::slice::from_ref(&first));
        let place = |number: i64| Need::Version("refund".to_owned(), number);
        let needs = [Need::Procedures, place(1), place(2)];
        let world = loaded(&mut writer, &needs);
        let all = world.procedures().expect("loaded");
        assert_eq!(all.active["refund"].version, first);
        let found = world.version("refund", 1).expect("loaded").expect("there");
        assert_eq!(found.version, first);
        assert_eq!(world.version("refund", 2), Ok(None));
        let again = loaded(&mut writer, &needs);
        let kept = again.procedures().expect("loaded");
        assert!(Arc::ptr_eq(all, kept), "nothing differs");

        let archived = version(("refund", 1), Stage::Archived);
        let second = version(("refund", 2), Stage::Active);
        write_versions(&mut other, daemon, "b", &[archived.clone(), second.clone()]);
        let world = loaded(&mut writer, &needs);
        let all = world.procedures().expect("loaded");
        assert_eq!(all.active["refund"].version, second);
        for wanted in [archived, second] {
            let found = world.version("refund", wanted.version).expect("loaded");
            assert_eq!(found.map(|found| &found.version), Some(&wanted));
        }
    });
}

#[test]
fn a_definition_of_an_older_form_counts_for_nothing_and_stops_nobody() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let first = version(("refund", 1), Stage::Active);
        write_versions(&mut writer, daemon, "a", &[first]);
        scratch.execute("UPDATE procedures SET body = replace(body, 'collect_input', 'collect')");
        let place = Need::Version("refund".to_owned(), 1);
        let world = loaded(&mut writer, &[Need::Procedures, place]);
        let all = world.procedures().expect("loaded");
        assert!(all.active.is_empty());
        assert_eq!(all.newest["refund"], 1, "nobody is given its number");
        assert_eq!(world.version("refund", 1), Ok(None));
    });
}

#[test]
fn a_run_is_loaded_as_it_was_written_last() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let begun = run("run_1", ("c1", "refund"), at(100));
        let other = run("run_2", ("c2", "refund"), at(200));
        write_runs(&mut writer, daemon, "a", &[begun.clone(), other.clone()]);
        let needs = ["run_1", "run_2", "run_3"].map(|id| Need::Run(id.to_owned()));
        let world = loaded(&mut writer, &needs);
        let of =
            |world: &World, id: &str| world.run(id).expect("loaded").map(|run| (**run).clone());
        assert_eq!(of(&world, "run_1"), Some(begun.clone()));
        assert_eq!(of(&world, "run_2"), Some(other.clone()));
        assert_eq!(of(&world, "run_3"), None);

        let mut moved = over(begun, at(7));
        moved.version = 2;
        moved.set("ticket", json!({"number": 80.10}), StatedBy::Api);
        write_runs(&mut writer, daemon, "b", std::slice::from_ref(&moved));
        let world = loaded(&mut writer, &needs[..1]);
        assert_eq!(of(&world, "run_1"), Some(moved.clone()));
        let mut desk = store.desk();
        assert_eq!(desk.run("run_1"), Ok(Some(moved)));
        assert_eq!(desk.run("run_2"), Ok(Some(other)));
        assert_eq!(desk.run("run_3"), Ok(None));
    });
}

#[test]
fn runs_are_listed_newest_first_by_what_is_asked_for() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let runs = [
            run("run_1", ("c1", "refund"), at(100)),
            over(run("run_2", ("c1", "other"), at(100)), at(5)),
            run("run_3", ("c2", "refund"), at(100)),
            over(run("run_4", ("c2", "refund"), at(100)), at(6)),
        ];
        write_runs(&mut writer, daemon, "a", &runs[..2]);
        write_runs(&mut writer, daemon, "b", &runs[2..]);
        // One that is written again keeps its place.
        write_runs(&mut writer, daemon, "c", &runs[..1]);
        let mut desk = store.desk();
        let mut listed = |filter: &RunFilter| -> Vec<String> {
            let found = desk.runs(filter, Page::first(9)).expect("reads");
            assert_eq!(found.next, None);
            found.items.into_iter().map(|run| run.run_id).collect()
        };
        let mut filter = RunFilter::default();
        assert_eq!(listed(&filter), ["run_4", "run_3", "run_2", "run_1"]);
        filter.procedure = Some("refund".to_owned());
        assert_eq!(listed(&filter), ["run_4", "run_3", "run_1"]);
        filter.state = Some("awaiting_input".to_owned());
        assert_eq!(listed(&filter), ["run_3", "run_1"]);
        filter.conversation = Some("c1".to_owned());
        assert_eq!(listed(&filter), ["run_1"]);
        let of_one = RunFilter {
            conversation: Some("c1".to_owned()),
            ..RunFilter::default()
        };
        assert_eq!(listed(&of_one), ["run_2", "run_1"]);

        let mut page = Page::first(3);
        let first = desk.runs(&RunFilter::default(), page).expect("reads");
        assert_eq!(first.items.len(), 3);
        page.after = first.next;
        assert!(page.after.is_some());
        let last = desk.runs(&RunFilter::default(), page).expect("reads");
        assert_eq!(last.items, runs[..1]);
        assert_eq!(last.next, None);
    });
}

#[test]
fn runs_are_due_until_they_are_over_and_go_long_after() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut desk = store.desk();
        assert_eq!(desk.runs_next(), Ok(None));
        let runs = [
            run("run_1", ("c1", "refund"), at(300)),
            run("run_2", ("c2", "refund"), at(100)),
            run("run_3", ("c3", "refund"), at(200)),
        ];
        write_runs(&mut writer, daemon, "a", &runs);
        let due = |desk: &mut Desk, now: i64, most: i64| -> Vec<String> {
            let found = desk.runs_due(at(now), most).expect("reads");
            found.into_iter().map(|run| run.run_id).collect()
        };
        assert_eq!(desk.runs_next(), Ok(Some(at(100))));
        assert_eq!(due(&mut desk, 99, 9), [""; 0]);
        assert_eq!(due(&mut desk, 100, 9), ["run_2"]);
        assert_eq!(due(&mut desk, 900, 9), ["run_2", "run_3", "run_1"]);
        assert_eq!(due(&mut desk, 900, 2), ["run_2", "run_3"]);
        assert_eq!(desk.runs_prune(at(900), 9), Ok(0), "all are under way");

        let [one, two, three] = runs;
        let ended = [over(one, at(50)), over(two, at(40))];
        write_runs(&mut writer, daemon, "b", &ended);
        assert_eq!(desk.runs_next(), Ok(Some(at(200))));
        assert_eq!(due(&mut desk, 900, 9), ["run_3"]);
        assert_eq!(desk.runs_prune(at(40), 9), Ok(0));
        assert_eq!(desk.runs_prune(at(60), 1), Ok(1), "the longest over first");
        assert_eq!(desk.run("run_2"), Ok(None));
        assert_eq!(desk.runs_prune(at(60), 9), Ok(1));
        assert_eq!(desk.runs_prune(at(60), 9), Ok(0));
        write_runs(&mut writer, daemon, "c", &[over(three, at(70))]);
        assert_eq!(desk.runs_next(), Ok(None));
    });
}

#[test]
fn what_somebody_said_goes_from_the_runs_of_a_conversation() {
    on_each(|scratch| {
        let store = scratch.store();
        let daemon = register(&store, "one");
        let mut writer = store.writer().expect("connects");
        let mut ended = over(run("run_1", ("c1", "refund"), at(100)), at(5));
        ended.reason = Some("Ada rang".to_owned());
        let stays = run("run_2", ("c2", "refund"), at(100));
        write_runs(&mut writer, daemon, "a", &[ended.clone(), stays.clone()]);
        let mut desk = store.desk();
        desk.conversation_blank("c1", "customer.erased")
            .expect("blanks");
        let kept = desk.run("run_1").expect("reads").expect("there");
        let text = json!(kept).to_string();
        for word in ["Ada", "ada", "Ä-1", "broken"] {
            assert!(!text.contains(word), "`{word}` in {text}");
        }
        assert_eq!(kept, ended.blanked());
        assert_eq!(kept.actor.id, "(erased)");
        assert_eq!(kept.trail.len(), 1, "what was done is known");
        assert_eq!(desk.run("run_2"), Ok(Some(stays)));
        let filter = RunFilter {
            state: Some("completed".to_owned()),
            conversation: Some("c1".to_owned()),
            ..RunFilter::default()
        };
        let listed = desk.runs(&filter, Page::first(9)).expect("reads");
        assert_eq!(listed.items, [kept], "it is found as before");
        assert_eq!(desk.runs_prune(at(6), 9), Ok(1));
    });
}
