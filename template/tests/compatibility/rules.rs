//! The rules, shown on an example: what may change, and what breaks a client.

use rstest::rstest;
use serde_json::{Value, json};

use crate::document::Document;
use crate::operations::breaks;

/// A service for notes: one list, one note that is written.
fn example() -> Value {
    json!({
        "paths": {
            "/notes": {
                "get": {
                    "parameters": [
                        { "in": "query", "name": "limit", "required": false, "schema": { "type": "integer", "maximum": 100, "default": 20 } }
                    ],
                    "responses": {
                        "200": { "content": { "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/NoteOut" } } } } },
                        "400": { "$ref": "#/components/responses/BadRequest" }
                    }
                }
            },
            "/notes/{id}": {
                "put": {
                    "parameters": [{ "in": "path", "name": "id", "required": true, "schema": { "type": "string", "format": "uuid" } }],
                    "requestBody": { "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/NoteIn" } } } },
                    "responses": {
                        "200": {
                            "headers": { "ETag": { "schema": { "type": "string" } } },
                            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/NoteOut" } } }
                        }
                    }
                }
            }
        },
        "schemas": {
            "NoteIn": {
                "type": "object",
                "additionalProperties": false,
                "required": ["text"],
                "properties": {
                    "text": { "type": "string", "maxLength": 100 },
                    "kind": { "type": "string", "enum": ["idea", "task"] },
                    "weight": { "oneOf": [{ "type": "string" }, { "type": "number" }] }
                }
            },
            "NoteOut": {
                "type": "object",
                "required": ["id", "text"],
                "properties": {
                    "id": { "type": "string", "format": "uuid" },
                    "text": { "type": "string" },
                    "kind": { "type": "string", "enum": ["idea", "task"] },
                    "weight": { "oneOf": [{ "type": "string" }, { "type": "number" }] },
                    "replies": { "type": "array", "items": { "$ref": "#/components/schemas/NoteOut" } }
                }
            },
            "Problem": { "type": "object", "properties": { "code": { "type": "string" } } }
        },
        "responses": {
            "BadRequest": { "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } }
        }
    })
}

/// What a client of the example finds broken after a value of it was replaced; `null` takes it away.
fn breaks_after(pointer: &str, value: Value) -> Vec<String> {
    let mut changed = example();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/");
    let parent = changed.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(parent), Value::Null) => {
            parent.remove(&name).unwrap();
        }
        (Value::Array(parent), Value::Null) => {
            parent.remove(name.parse().unwrap());
        }
        (Value::Array(parent), value) => parent.push(value),
        (parent, value) => parent[name] = value,
    }
    let document = |value: &Value| Document::of([value.to_string().as_str()]);
    breaks(&document(&example()), &document(&changed))
}

const LIST: &str = "/paths/~1notes/get";
const WRITE: &str = "/paths/~1notes~1{id}/put";
const IN: &str = "/schemas/NoteIn";
const OUT: &str = "/schemas/NoteOut";

#[rstest]
#[case::the_same(LIST, "/summary", json!("Lists notes"))]
#[case::a_new_path("", "/paths/~1tags", json!({ "get": { "responses": {} } }))]
#[case::a_new_method(LIST, "/../post", json!({ "responses": {} }))]
#[case::a_parameter_that_may_be_left_out(LIST, "/parameters/-", json!({ "in": "query", "name": "kind", "schema": { "type": "string" } }))]
#[case::more_of_a_list(LIST, "/parameters/0/schema/maximum", json!(1000))]
#[case::a_limit_that_goes(LIST, "/parameters/0/schema/maximum", Value::Null)]
#[case::a_new_error(LIST, "/responses/409", json!({ "$ref": "#/components/responses/BadRequest" }))]
#[case::an_error_that_goes(LIST, "/responses/400", Value::Null)]
#[case::a_body_that_may_be_left_out(WRITE, "/requestBody/required", json!(false))]
#[case::a_field_that_may_be_sent(IN, "/properties/color", json!({ "type": "string" }))]
#[case::a_field_that_need_not_be_sent(IN, "/required", json!([]))]
#[case::a_longer_text(IN, "/properties/text/maxLength", json!(200))]
#[case::another_value_to_send(IN, "/properties/kind/enum", json!(["idea", "task", "plan"]))]
#[case::null_to_send(IN, "/properties/text/type", json!(["string", "null"]))]
#[case::another_alternative_to_send(IN, "/properties/weight/oneOf/-", json!({ "type": "null" }))]
#[case::a_new_field_in_answers(OUT, "/properties/color", json!({ "type": "string" }))]
#[case::another_value_in_answers(OUT, "/properties/kind/enum", json!(["idea", "task", "plan"]))]
#[case::a_field_that_is_always_there_now(OUT, "/required", json!(["id", "text", "kind"]))]
#[case::one_alternative_less_in_answers(OUT, "/properties/weight/oneOf/1", Value::Null)]
fn a_client_goes_on_working(#[case] base: &str, #[case] place: &str, #[case] value: Value) {
    let pointer = format!("{base}{place}").replace("/get/../", "/");
    assert_eq!(breaks_after(&pointer, value), Vec::<String>::new());
}

#[rstest]
#[case::a_path_that_goes("", "/paths/~1notes", Value::Null, "GET /notes is gone")]
#[case::a_method_that_goes(WRITE, "", Value::Null, "PUT /notes/{id} is gone")]
#[case::a_parameter_that_goes(
    LIST,
    "/parameters/0",
    Value::Null,
    "GET /notes, query parameter `limit` is gone"
)]
#[case::a_parameter_that_must_be_sent(
    LIST, "/parameters/-", json!({ "in": "query", "name": "kind", "required": true, "schema": { "type": "string" } }),
    "GET /notes, query parameter `kind` is new, and must be sent"
)]
#[case::a_parameter_that_must_be_sent_now(LIST, "/parameters/0/required", json!(true), "GET /notes, query parameter `limit` must be sent now")]
#[case::a_parameter_of_another_type(LIST, "/parameters/0/schema/type", json!("string"), "GET /notes, query parameter `limit` has to be string now, was integer")]
#[case::less_of_a_list(LIST, "/parameters/0/schema/maximum", json!(50), "GET /notes, query parameter `limit` is limited by `maximum`: 50 now, was 100")]
#[case::another_default(LIST, "/parameters/0/schema/default", json!(10), "GET /notes, query parameter `limit` is 10 now where it is not sent, was 20")]
#[case::other_credentials(WRITE, "/security", json!([{ "token": [] }]), "PUT /notes/{id} asks for other credentials")]
#[case::an_answer_that_goes(
    WRITE,
    "/responses/200",
    Value::Null,
    "PUT /notes/{id}, answer 200 is gone"
)]
#[case::a_header_that_goes(
    WRITE,
    "/responses/200/headers/ETag",
    Value::Null,
    "PUT /notes/{id}, answer 200, header `ETag` is gone"
)]
#[case::a_body_that_goes(WRITE, "/requestBody", Value::Null, "PUT /notes/{id}, body is gone")]
#[case::a_field_that_is_not_taken(
    IN,
    "/properties/kind",
    Value::Null,
    "PUT /notes/{id}, body, application/json, field `kind` is gone"
)]
#[case::a_field_that_must_be_sent_now(IN, "/required/-", json!("kind"), "PUT /notes/{id}, body, application/json, field `kind` must be sent now")]
#[case::a_shorter_text(IN, "/properties/text/maxLength", json!(50), "PUT /notes/{id}, body, application/json, field `text` is limited by `maxLength`: 50 now, was 100")]
#[case::a_value_that_goes(
    IN,
    "/properties/kind/enum/1",
    Value::Null,
    "PUT /notes/{id}, body, application/json, field `kind` no longer accepts \"task\""
)]
#[case::an_alternative_that_goes(
    IN,
    "/properties/weight/oneOf/1",
    Value::Null,
    "PUT /notes/{id}, body, application/json, field `weight` no longer accepts one of its alternatives"
)]
#[case::a_pattern(IN, "/properties/text/pattern", json!("^a"), "PUT /notes/{id}, body, application/json, field `text` has another `pattern`")]
fn a_client_that_asks_breaks(
    #[case] base: &str,
    #[case] place: &str,
    #[case] value: Value,
    #[case] expected: &str,
) {
    assert_eq!(breaks_after(&format!("{base}{place}"), value), [expected]);
}

/// `NoteOut` is answered in two places; each schema is compared once, where it is met first.
#[rstest]
#[case::a_field_that_goes("/properties/text", Value::Null, "field `text` is gone")]
#[case::a_field_that_can_be_absent("/required/1", Value::Null, "field `text` can be absent now")]
#[case::a_field_of_another_type("/properties/text/type", json!("integer"), "field `text` is integer now, was string")]
#[case::a_field_that_can_be_null("/properties/text/type", json!(["string", "null"]), "field `text` is null or string now, was string")]
#[case::another_format("/properties/id/format", json!("int64"), "field `id` has the format \"int64\" now, was \"uuid\"")]
#[case::any_value(
    "/properties/kind/enum",
    Value::Null,
    "field `kind` can have any value"
)]
#[case::another_alternative("/properties/weight/oneOf/-", json!({ "type": "null" }), "field `weight` has an alternative that it hadn't")]
fn a_client_that_reads_breaks(#[case] place: &str, #[case] value: Value, #[case] expected: &str) {
    let expected = format!("GET /notes, answer 200, application/json[], {expected}");
    assert_eq!(breaks_after(&format!("{OUT}{place}"), value), [expected]);
}

#[test]
fn the_name_of_a_parameter_in_a_path_is_nobodys_business() {
    let renamed = example()
        .to_string()
        .replace("{id}", "{note}")
        .replace(r#""name":"id""#, r#""name":"note""#);
    let old = Document::of([example().to_string().as_str()]);
    assert_eq!(
        breaks(&old, &Document::of([renamed.as_str()])),
        Vec::<String>::new()
    );
}
