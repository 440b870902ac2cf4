//! Whatever the rights are: a search shows nothing that the simple pages do not list.

use super::{names, search_as};
use crate::kit::Server;
use crate::kit::packages::Package;
use crate::kit::script::Auth;
use serde_json::{Value, json};

const USERS: [&str; 3] = ["ann", "ben", "cat"];
const NAMES: [&str; 4] = ["part-a", "part-b", "part-c", "part-d"];
/// Installations that are tried.
const ROUNDS: u64 = 4;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn some<'a>(&mut self, of: &[&'a str]) -> Vec<&'a str> {
        of.iter().copied().filter(|_| self.below(2) == 0).collect()
    }
}

/// `USERS` with an index each, whose bases, readers and projects come from the dice.
async fn filled(server: &Server, dice: &mut Dice) -> Vec<String> {
    let mut indexes: Vec<String> = Vec::new();
    for user in USERS {
        server.make_user(user, "a-secret").await;
        for number in 0..2 {
            let mut readers = dice.some(&USERS);
            if dice.below(3) == 0 {
                readers.push(":ANONYMOUS:");
            }
            let known: Vec<&str> = indexes.iter().map(String::as_str).collect();
            let name = format!("{user}/i{number}");
            server
                .make_index(
                    &name,
                    json!({"bases": dice.some(&known), "acl_read": readers, "acl_upload": [user]}),
                )
                .await;
            for project in dice.some(&NAMES) {
                let package = Package::new(project, "1.0").summary(&format!("only on {user} {number}"));
                server
                    .post(
                        &format!("/{name}/"),
                        crate::kit::forms::Form::of(&package.wheel()),
                        user,
                        "a-secret",
                    )
                    .await;
            }
            indexes.push(name);
        }
    }
    indexes
}

/// Names on the simple list of an index; none if one may not read it.
async fn listed(server: &Server, auth: &Auth, index: &str) -> Vec<String> {
    let request = auth.on(server.http.get(server.url(&format!("/{index}/+simple/"))));
    let answer =
        request.header("accept", "application/vnd.pypi.simple.v1+json").send().await.expect("an answer");
    if answer.status() != 200 {
        return Vec::new();
    }
    let page: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    let projects = page["projects"].as_array().expect("a list").iter();
    projects.map(|project| format!("{index}/{}", project["name"].as_str().expect("a name"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_shows_what_the_lists_have_and_nothing_else() {
    for round in 0..ROUNDS {
        let (server, mut dice) = (Server::start().await, Dice(round + 7));
        let indexes = filled(&server, &mut dice).await;
        let people =
            USERS.map(|user| Auth::basic(user, "a-secret")).into_iter().chain([Auth::None, Auth::root()]);
        for auth in people {
            let mut lists = Vec::new();
            for index in &indexes {
                lists.extend(listed(&server, &auth, index).await);
                let (status, told) =
                    server.ask("GET", &format!("/+search?q=part&each=50&index={index}"), &auth, None).await;
                let mut list = listed(&server, &auth, index).await;
                if status != 200 {
                    assert!(
                        list.is_empty() && !told.to_string().contains("part-"),
                        "{round} {index}: {told}"
                    );
                    continue;
                }
                let mut within = names(&told["result"]);
                within.sort();
                list.sort();
                assert_eq!(within, list, "{round} {index}");
            }
            let everywhere = names(&search_as(&server, &auth, "q=part&each=50").await);
            assert!(everywhere.iter().all(|one| lists.contains(one)), "{round}: {everywhere:?} of {lists:?}");
            let told = search_as(&server, &auth, "q=only+on&each=50").await;
            assert_eq!(told["total"].as_u64(), Some(everywhere.len() as u64), "{round}");
        }
    }
}
