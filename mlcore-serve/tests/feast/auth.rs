use http::{Request, StatusCode};
use http_body_util::Full;
use mlcore_serve::auth::{Auth, Principal, Resources, Role};
use mlcore_serve::feast::{FeastLimits, routes};

use crate::support::{Answer, Place};

fn ask(place: &Place, (method, path): (&str, &str), who: Option<Principal>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).body(Full::new("{}".into())).unwrap();
    if let Some(who) = who {
        request.extensions_mut().insert(who);
    }
    place.ask(request)
}

#[test]
fn reading_and_writing_are_permitted_apart() {
    let place = Place::with(FeastLimits::default(), Auth::default());
    for route in routes() {
        let is_free = route.1 == "/health";
        let is_read = ["/get-online-features", "/search", "/retrieve-online-documents"].contains(&route.1);
        let is_denied = |who| ask(&place, route, who).status == StatusCode::FORBIDDEN;
        let of = |role| Some(Principal::new("job", [role]));
        assert_eq!(is_denied(None), !is_free && !is_read, "{route:?}: without keys nobody writes");
        assert_eq!(is_denied(of(Role::Predict)), !is_free && !is_read, "{route:?}");
        assert!(!is_denied(of(Role::Write)), "{route:?}: what writes reads what it has written");
        assert!(!is_denied(of(Role::Admin)), "{route:?}");
        let team = Principal::new("team", [Role::Admin]).with_resources(Resources::default().with_model("*"));
        assert_eq!(is_denied(Some(team)), !is_free, "{route:?}: a token for models is for these only");
    }
    let refused = ask(&place, ("POST", "/push"), Some(Principal::new("reader", [Role::Predict])));
    let (status, class, message) = refused.refusal();
    assert_eq!((status, class.as_str()), (403, "FeastPermissionError"), "{message}");
}
