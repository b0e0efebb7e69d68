//! RabbitMQ: the node that `tests/run` started, shared by virtual host, or one of a test's own.
//!
//! A test that restarts, starves or reconfigures a whole node takes a private
//! one; every other test takes a virtual host on the shared node, which costs
//! milliseconds. Administration goes over the management API, and by
//! `rabbitmqctl` where that has no word for it.

use std::{fs, process::Command, sync::Arc};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    daemon::client,
    database::remove,
    place::{Place, eventually, given, service_env, services, unique},
};

/// A RabbitMQ node.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    amqp: String,
    api: String,
    ctl: String,
    private: Option<Arc<Node>>,
}

// The folder of a private node; the node goes with it.
#[derive(Debug)]
struct Node(Place);

impl Drop for Node {
    fn drop(&mut self) {
        remove("broker", self.0.path());
    }
}

impl Broker {
    /// Gives the node that all tests share.
    pub(crate) fn common() -> Self {
        Self {
            amqp: given("PROVOST_TEST_AMQP"),
            api: given("PROVOST_TEST_RABBITMQ_API"),
            ctl: given("PROVOST_TEST_RABBITMQCTL"),
            private: None,
        }
    }

    /// Starts a node of the test's own, with further lines of `rabbitmq.conf`.
    pub(crate) async fn private(extra: &str) -> Self {
        let place = Place::new("broker");
        place.write("extra.conf", extra);
        let folder = place.path().to_path_buf();
        let node = Arc::new(Node(place));
        services(&["broker", "start", &folder.to_string_lossy()]).await;
        Self {
            amqp: service_env(&folder, "PROVOST_TEST_AMQP"),
            api: service_env(&folder, "PROVOST_TEST_RABBITMQ_API"),
            ctl: service_env(&folder, "PROVOST_TEST_RABBITMQCTL"),
            private: Some(node),
        }
    }

    /// Starts a private node again.
    pub(crate) async fn start(&self) {
        self.verb("start").await;
    }

    /// Stops a private node in order.
    pub(crate) async fn stop(&self) {
        self.verb("stop").await;
    }

    /// Kills a private node.
    ///
    /// RabbitMQ writes down the name of a new quorum queue some seconds after its
    /// declaration; a node killed before has the queue and never serves it again.
    /// That fault is not ours to survive, so the names are written first.
    pub(crate) async fn kill(&self) {
        self.ctl(&["eval", "[dets:sync(T) || T <- dets:all()]."])
            .await;
        self.verb("kill").await;
    }

    async fn verb(&self, verb: &str) {
        let node = self.private.as_ref().expect("a node of the test's own");
        services(&["broker", verb, &node.0.path().to_string_lossy()]).await;
    }

    /// Waits until the log of a private node holds the text.
    pub(crate) async fn says(&self, text: &str) {
        let node = self.private.as_ref().expect("a node of the test's own");
        let folder = node.0.path().join("log");
        eventually(&format!("the broker's log says `{text}`"), async || {
            let files = fs::read_dir(&folder).expect("a folder");
            files
                .filter_map(Result::ok)
                .filter_map(|file| fs::read(file.path()).ok())
                .any(|log| String::from_utf8_lossy(&log).contains(text))
                .then_some(())
        })
        .await;
    }

    /// Runs `rabbitmqctl` and gives what it printed.
    pub(crate) async fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.ctl);
        command.args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("the task ran")
            .expect("rabbitmqctl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "rabbitmqctl {arguments:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Asks the management API; `body` is sent as JSON.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = client()
            .request(method, format!("{}/api/{path}", self.api))
            .basic_auth("guest", Some("guest"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the management API answers");
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Makes a virtual host that the user `guest` owns.
    pub(crate) async fn vhost(&self) -> Vhost {
        let name = unique("v");
        let vhost = Vhost {
            broker: self.clone(),
            name,
        };
        self.must(Method::PUT, &format!("vhosts/{}", vhost.name), None)
            .await;
        vhost.allow("guest", ".*", ".*", ".*").await;
        vhost
    }

    /// Makes a user, or gives it another password.
    pub(crate) async fn user(&self, name: &str, password: &str) {
        let body = json!({"password": password, "tags": ""});
        self.must(Method::PUT, &format!("users/{name}"), Some(body))
            .await;
    }

    async fn must(&self, method: Method, path: &str, body: Option<Value>) {
        let (status, answer) = self.ask(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
}

/// A virtual host of a test's own.
#[derive(Debug)]
pub(crate) struct Vhost {
    /// The node.
    pub(crate) broker: Broker,
    /// The name.
    pub(crate) name: String,
}

impl Vhost {
    /// Gives the URL for `guest`.
    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.broker.amqp, self.name)
    }

    /// Gives the URL for somebody else.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        self.url()
            .replace("guest:guest", &format!("{user}:{password}"))
    }

    /// Gives host and port, for a proxy in front of it.
    pub(crate) fn address(&self) -> &str {
        self.broker.amqp.rsplit('@').next().expect("a host")
    }

    /// Sets what a user may configure, write and read here.
    pub(crate) async fn allow(&self, user: &str, configure: &str, write: &str, read: &str) {
        let path = format!("permissions/{}/{user}", self.name);
        let body = json!({"configure": configure, "write": write, "read": read});
        self.broker.must(Method::PUT, &path, Some(body)).await;
    }

    /// Closes every connection to this virtual host, as an administrator does.
    pub(crate) async fn close_connections(&self, reason: &str) {
        self.broker
            .ctl(&["close_all_connections", "--vhost", &self.name, reason])
            .await;
    }

    /// Lists the queues with what is in them.
    pub(crate) async fn queues(&self) -> String {
        let columns = [
            "name",
            "type",
            "state",
            "messages_ready",
            "messages_unacknowledged",
            "consumers",
        ];
        let arguments = [&["list_queues", "--vhost", &self.name][..], &columns].concat();
        self.broker.ctl(&arguments).await
    }

    /// Tells whether the queue is there.
    pub(crate) async fn has_queue(&self, name: &str) -> bool {
        let path = format!("queues/{}/{name}", self.name);
        self.broker.ask(Method::GET, &path, None).await.0 == StatusCode::OK
    }
}

impl Drop for Vhost {
    // Its queues would otherwise keep the shared node busy until the end of the run.
    fn drop(&mut self) {
        if self.broker.private.is_some() {
            return;
        }
        let (api, name) = (self.broker.api.clone(), self.name.clone());
        let removal = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                let _ = runtime.block_on(async {
                    client()
                        .delete(format!("{api}/api/vhosts/{name}"))
                        .basic_auth("guest", Some("guest"))
                        .send()
                        .await
                });
            }
        });
        let _ = removal.join();
    }
}
