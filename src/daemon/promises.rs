//! SLA clocks, held against what they promise: by cases, on a world in memory whose clock moves.
//!
//! Events go in as the platform states them, timers go off on the clock's way; what comes out is
//! compared. The traces are those of the specification, on the calendar of New York.

mod chains;
mod lifecycle;
mod traces;

use serde_json::{Map, Value, json};

use crate::{
    decide::Settings,
    domain::{
        directory::{Directory, Person, Team},
        event::{Event, Trace},
        ids::SubjectId,
        time::Timestamp,
        world::World,
    },
    policy::{Policy, Sources},
    workbench::{
        bench_world::{BenchWorld, Output},
        cases::default_settings,
    },
};

const CALENDAR: &str = r#"
calendar("ny", #{
    timezone: "America/New_York", hours: #{ mon_fri: ["09:00-17:00"] },
    holidays: ["2026-11-26", "2026-12-25"], overrides: #{ "2026-11-27": ["09:00-13:00"] },
});
"#;

/// A world with a policy, and all that came out of it.
struct Ward<'a> {
    world: BenchWorld<'a>,
    count: usize,
}

fn policy(rules: &str) -> Policy {
    let mut sources = Sources::default();
    let text = format!("{CALENDAR}\n{rules}");
    sources.files.insert("sla.rhai".to_owned(), text);
    Policy::load(&sources, &settings().directory).expect("loads")
}

fn settings() -> Settings {
    let mut directory = Directory::default();
    for name in ["dana", "lee"] {
        let person = Person {
            name: name.to_owned(),
            ..Person::default()
        };
        directory.people.insert(name.to_owned(), person);
    }
    let billing = Team {
        members: vec!["dana".to_owned(), "lee".to_owned()],
        channel: None,
    };
    directory.teams.insert("billing".to_owned(), billing);
    Settings {
        directory,
        ..default_settings()
    }
}

/// Reads `Mon 09:00`: a day of the week of 2026-11-23, by the clock in New York.
fn local(text: &str) -> Timestamp {
    let (day, clock) = text.split_once(' ').expect("day and time");
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri"];
    let day = days.iter().position(|name| *name == day).expect("a day") + 23;
    Timestamp::parse(&format!("2026-11-{day}T{clock}:00-05:00")).expect("a time")
}

impl<'a> Ward<'a> {
    fn new(policy: &'a Policy, settings: &'a Settings) -> Self {
        Self::over(policy, settings, World::default(), local("Mon 08:00"))
    }

    fn over(policy: &'a Policy, settings: &'a Settings, world: World, now: Timestamp) -> Self {
        Self {
            world: BenchWorld::over(policy, settings, world, now),
            count: 0,
        }
    }

    /// Moves the clock on, and gives what came due on the way.
    fn until(&mut self, at: &str) -> Vec<Output> {
        self.until_instant(local(at))
    }

    fn until_instant(&mut self, at: Timestamp) -> Vec<Output> {
        self.world.advance(at).expect("decides").outputs
    }

    /// Has something happen at a time, and gives what came out since the last.
    fn at(&mut self, at: &str, kind: &str, data: Value) -> Vec<Output> {
        let mut out = self.until(at);
        out.extend(self.now(kind, data));
        out
    }

    fn now(&mut self, kind: &str, data: Value) -> Vec<Output> {
        self.count += 1;
        let Value::Object(data) = data else {
            panic!("data is an object")
        };
        let event = Event {
            id: format!("e-{}", self.count),
            source: "/chat".to_owned(),
            kind: kind.to_owned(),
            subject: SubjectId::from("c-1"),
            time: Some(self.world.now()),
            data,
            trace: Trace::default(),
        };
        self.world.deliver(event).expect("is decided").outputs
    }

    /// Opens a ticket and gives its id with what came out.
    fn open(&mut self, at: &str, more: Value) -> (String, Vec<Output>) {
        let mut data =
            json!({"subject": "Where is my order", "team": "billing", "actor": agent("dana")});
        if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
            data.extend(more);
        }
        let out = self.at(at, "ticket.requested", data);
        let id = of(&out, "ticket.created")[0]["ticket_id"].clone();
        (id.as_str().expect("an id").to_owned(), out)
    }

    fn update(&mut self, at: &str, ticket: &str, mut change: Value) -> Vec<Output> {
        change["ticket_id"] = json!(ticket);
        change["actor"] = agent("dana");
        self.at(at, "ticket.updated", change)
    }

    fn say(&mut self, at: &str, kind: &str) -> Vec<Output> {
        let message = json!({"id": format!("m-{}", self.count), "text": "hello", "author": {"kind": kind, "id": "somebody"}});
        self.at(
            at,
            "conversation.message",
            json!({"message": message, "channel": "web"}),
        )
    }
}

fn agent(id: &str) -> Value {
    json!({"kind": "agent", "id": id, "roles": ["agent"]})
}

/// Gives the data of what came out under a type.
fn of<'o>(out: &'o [Output], kind: &str) -> Vec<&'o Map<String, Value>> {
    let out = out.iter().filter(|output| output.kind == kind);
    out.map(|output| &output.data).collect()
}

/// Tells what happened to clocks: `breached resolution 1`, in order.
fn clocks(out: &[Output]) -> Vec<String> {
    let told = out.iter().filter_map(|output| {
        let kind = output.kind.strip_prefix("sla.")?;
        let text = |name: &str| output.data[name].as_str().unwrap_or_default().to_owned();
        Some(format!(
            "{kind} {} {}",
            text("metric"),
            output.data["cycle"]
        ))
    });
    told.collect()
}

/// Gives an instant out of data.
fn instant(data: &Map<String, Value>, name: &str) -> Timestamp {
    let text = data[name].as_str().expect("a time");
    Timestamp::parse(text).expect("a time")
}
