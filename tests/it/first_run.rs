//! A newcomer's first minutes: a fresh folder with the sample policy, no service, no setting.
//!
//! What the daemon prints is what a newcomer pastes, so this test pastes it.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use crate::support::{
    eventually,
    place::{Place, copy_folder, free_port, of_package},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_that_the_first_start_prints_work_as_printed() {
    let place = Place::new("first");
    copy_folder(&of_package("rules"), &place.path().join("rules"));
    let log = place.path().join("printed");
    let file = File::create(&log).expect("a log");
    let listen = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_provost"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PROVOST_")) {
        command.env_remove(name);
    }
    let mut child = command
        .current_dir(place.path())
        // The one setting: the usual port may be taken on the machine that tests.
        .env("PROVOST_HTTP_LISTEN", &listen)
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a log"))
        .stderr(file)
        .spawn()
        .expect("it starts");
    let printed = || fs::read_to_string(&log).expect("a log");
    let commands = eventually("two commands to paste", async || {
        assert!(
            child.try_wait().expect("a child").is_none(),
            "{}",
            printed()
        );
        let text = printed();
        let found: Vec<String> = pasted(&text);
        (found.len() >= 2).then_some(found)
    })
    .await;
    let text = printed();
    assert!(text.contains(&listen) && text.contains("rule"), "{text}");
    let mut answers = Vec::new();
    for pasted in commands.iter().take(2) {
        let answer = eventually("a pasted command works", async || {
            let output = Command::new("sh")
                .arg("-c")
                .arg(pasted)
                .current_dir(place.path())
                .output()
                .expect("a shell");
            output
                .status
                .success()
                .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        })
        .await;
        answers.push(answer);
    }
    assert!(
        answers[0].contains("accepted"),
        "{commands:?} answered {answers:?}"
    );
    assert!(
        answers[1].contains("specversion") || answers[1].contains("conversation"),
        "{commands:?} answered {answers:?}"
    );
    let _ = child.kill();
    let _ = child.wait();
    assert!(!printed().contains("panicked at"));
}

// The commands to paste, joined where a backslash ends a line, each after the settings above it.
fn pasted(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let mut settings = String::new();
    let mut commands = Vec::new();
    for line in joined.lines().map(str::trim) {
        if line.starts_with("export ") {
            settings = format!("{settings}{line}; ");
        } else if line.starts_with("curl ") {
            commands.push(format!("{settings}{line}"));
        }
    }
    commands
}
