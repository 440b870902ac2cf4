//! Stories of nginx that asks whether it may let somebody through.

use super::{alice, with_demo};
use crate::kit::Server;
use crate::kit::script::Auth;

async fn check(server: &Server, auth: &Auth, headers: &[(&str, &str)]) -> u16 {
    let request = auth.on(server.http.get(server.url("/+authcheck")));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_proxy_is_told_who_may_see_what() {
    let (server, _) = with_demo().await;
    assert_eq!(server.as_alice("PATCH", "/alice/prod", r#"["acl_read=alice"]"#).await.0, 200);
    server.make_user("carl", "carl-secret").await;
    let carl = Auth::devpi("carl", "carl-secret");
    let open = "http://devpi.example/alice/dev/+simple/demo/";
    let private = "http://devpi.example/alice/prod/+simple/";
    for (uri, who, expected) in [
        (open, &Auth::None, 200),
        (private, &Auth::None, 401),
        (private, &carl, 403),
        (private, &alice(), 200),
        ("/alice/prod/%2Bsimple/demo/?x=1", &alice(), 200),
        ("http://devpi.example/alice/dev/+api", &Auth::None, 200),
        ("http://devpi.example/+nothing", &alice(), 403),
        ("http://devpi.example/+authcheck", &Auth::None, 200),
        ("/alice/%2F/x", &Auth::None, 403),
    ] {
        assert_eq!(check(&server, who, &[("x-original-uri", uri)]).await, expected, "{uri} {who:?}");
    }
    let client = [("x-original-uri", private), ("user-agent", "devpi-client/7.3.0 (py3.11)")];
    assert_eq!(check(&server, &Auth::None, &client).await, 403);
    assert_eq!(check(&server, &Auth::None, &[]).await, 400);
}
