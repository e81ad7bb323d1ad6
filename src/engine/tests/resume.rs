//! Runs that are killed at any message, and go on until they are done: nothing lost, nothing doubled.

use super::random::{Dice, World, key};
use super::*;
use crate::message::Step;
use std::collections::BTreeMap;

/// What a destination keeps, committed at each message that allows it.
#[derive(Debug, Clone, Default)]
struct Keeper {
    /// Stream, unit and id of each record.
    records: Vec<(String, u64, String)>,
    steps: BTreeMap<String, Kept>,
    /// What it falls back to when the run is killed.
    committed: Option<Box<Keeper>>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    head: Vec<Step>,
    units: BTreeMap<u64, Vec<Step>>,
    ended: Option<Step>,
}

impl Keeper {
    fn hear(&mut self, message: &Message) {
        match message {
            Message::Records {
                stream,
                unit,
                records,
            } => {
                let id = |record: &Data| {
                    record
                        .get("id")
                        .and_then(|id| id.as_str().map(str::to_owned))
                };
                let ids = records.iter().map(|record| id(record).unwrap_or_default());
                let records = ids.map(|id| (stream.to_string(), *unit, id));
                self.records.extend(records);
            }
            Message::Void { stream, unit } => {
                let is_void = |(of, number, _): &(String, u64, String)| {
                    **of == **stream && unit.is_none_or(|unit| *number == unit)
                };
                self.records.retain(|record| !is_void(record));
            }
            Message::Progress(progress) => {
                for (stream, step) in &progress.steps {
                    self.take(stream, step);
                }
                self.committed = None;
                self.committed = Some(Box::new(self.clone()));
            }
            _ => {}
        }
    }

    fn take(&mut self, stream: &str, step: &Step) {
        let kept = self.steps.entry(stream.to_owned()).or_default();
        match step {
            Step::Begun { .. } => {
                *kept = Kept::default();
                kept.head.push(step.clone());
            }
            Step::Fed { .. } | Step::Arrived { .. } => kept.head.push(step.clone()),
            Step::Found { unit, .. }
            | Step::Cut { unit, .. }
            | Step::At { unit, .. }
            | Step::Again { unit }
            | Step::Read { unit, .. }
            | Step::Failed { unit, .. } => {
                kept.units.entry(*unit).or_default().push(step.clone());
            }
            Step::Ended { .. } => kept.ended = Some(step.clone()),
            Step::Over => *kept = Kept::default(),
        }
    }

    fn resume(&self, plan: &mut Plan) -> Resume {
        let mut recall = |stream: &str, take: &mut dyn FnMut(Step) -> io::Result<()>| {
            let kept = self.steps.get(stream).cloned().unwrap_or_default();
            let units = kept.units.into_values().flatten();
            let all = kept.head.into_iter().chain(units).chain(kept.ended);
            // Through JSON, as a destination keeps them.
            all.map(|step| serde_json::from_value(json!(step)).unwrap())
                .try_for_each(take)
        };
        Resume::of(plan, "", &mut recall).unwrap()
    }

    /// Ids of the records of `stream`, sorted.
    fn ids(&self, stream: &str) -> Vec<String> {
        let of = self.records.iter().filter(|(of, ..)| of == stream);
        sorted(of.map(|(_, _, id)| id.clone()).collect())
    }
}

/// Reads on with `keeper`, and stops dead before message `room`.
fn go_on(
    scene: &Scene,
    mut plan: Plan,
    keeper: &Arc<Mutex<Keeper>>,
    serve: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Ran {
    let committed = keeper.lock().unwrap().committed.take();
    *keeper.lock().unwrap() = committed.map_or_else(Keeper::default, |committed| *committed);
    let resume = keeper.lock().unwrap().resume(&mut plan);
    let hearing = Arc::clone(keeper);
    let hear = move |message: &Message| hearing.lock().unwrap().hear(message);
    scene.execute_from(plan, Some(resume), serve, hear)
}

/// Kills a run of one world again and again; false for a world that is too large, or that fails.
fn survive(seed: u64) -> bool {
    let world = World::new(seed);
    let mut dice = Dice(seed ^ 0x5EED);
    let count = world.streams.len();
    let mut selected: Vec<usize> = (0..count).filter(|_| dice.below(2) == 0).collect();
    if selected.is_empty() {
        selected.push(count - 1);
    }
    let Some(model) = world.model(&selected) else {
        return false;
    };
    if model.failed.iter().any(|&failed| failed) {
        return false;
    }
    let names: Vec<String> = selected.iter().map(|s| format!("s{s}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = Arc::new(world);
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let seen = Arc::new(Mutex::default());
    let mut asked = 0;
    for life in 0.. {
        let mut scene = Scene::default();
        scene.options.workers = 1 + dice.below(8);
        scene.options.read_ahead = dice.below(3) > 0;
        // Each life is longer than the one before, so that it ends some day.
        scene.room = dice.below(4 + 4 * life);
        let streams: Vec<&Stream> = world.streams.iter().collect();
        let plan = plan_of(&streams, &names, &json!({}));
        let (api, seen) = (Arc::clone(&world), Arc::clone(&seen));
        let ran = go_on(&scene, plan, &keeper, move |request| {
            api.serve(&key(target(request)), &seen)
        });
        asked += ran.asked.len();
        if ran.outcome.is_ok() {
            break;
        }
    }
    for &stream in &selected {
        let expected = sorted(model.partitions[stream].concat());
        let kept = keeper.lock().unwrap();
        let mut ids = kept.ids(&format!("s{stream}"));
        ids.retain(|id| !id.is_empty());
        assert_eq!(ids, expected, "world {seed}, s{stream}, {asked} requests");
    }
    true
}

#[test]
fn random_worlds_survive_any_number_of_deaths() {
    let survived = (0..80).filter(|&seed| survive(seed)).count();
    assert!(survived > 20, "only {survived} worlds were small and sound");
}

/// Projects in two pages, and tasks of each in two pages; pages are named by their number.
fn tree(request: &Request) -> Reply {
    match target(request) {
        "/projects" => ids_and_next(&["a", "b"], "2"),
        "/projects?page=2" => ids(&["c"]),
        "/tasks?project=a" => ids_and_next(&["a1"], "2"),
        "/tasks?page=2&project=a" => ids(&["a2"]),
        "/tasks?project=b" => ids_and_next(&["b1"], "2"),
        "/tasks?page=2&project=b" => ids(&["b2"]),
        "/tasks?project=c" => ids(&["c1"]),
        _ => status(400),
    }
}

fn tasks_plan() -> Plan {
    let projects = stream("projects").paged(PAGES);
    let tasks = stream("tasks")
        .paged(PAGES)
        .by(&under("project", &[&projects]));
    plan_of(&[&projects, &tasks], &["tasks"], &json!({}))
}

#[test]
fn no_page_is_asked_for_twice_once_it_is_kept() {
    // By one worker, killed before each message in turn.
    for room in 0.. {
        let keeper = Arc::new(Mutex::new(Keeper::default()));
        let first = Scene { room, ..alone() };
        let first = go_on(&first, tasks_plan(), &keeper, tree);
        let is_whole = first.outcome.is_ok();
        let kept: Vec<String> = {
            let keeper = keeper.lock().unwrap();
            let committed = keeper.committed.as_ref();
            committed.map_or_else(Vec::new, |kept| kept.ids("tasks"))
        };
        let second = go_on(&alone(), tasks_plan(), &keeper, tree);
        if is_whole {
            assert_eq!(
                second.asked.len(),
                7,
                "the run before was whole: this one is another"
            );
            break;
        }
        second.outcome.unwrap();
        let ids = keeper.lock().unwrap().ids("tasks");
        assert_eq!(
            ids,
            ["a1", "a2", "b1", "b2", "c1"],
            "killed before message {room}"
        );
        for id in kept {
            let page = if id.ends_with('1') { "" } else { "page=2&" };
            let request = format!("/tasks?{page}project={}", id.trim_end_matches(['1', '2']));
            assert!(
                !second.asked.contains(&request),
                "{request} again, at {room}"
            );
        }
    }
}

#[test]
fn a_refused_token_starts_its_partition_again() {
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let pages = stream("pages").paged(PAGES);
    let plan = || plan_of(&[&pages], &["pages"], &json!({}));
    let first = go_on(&alone(), plan(), &keeper, |request| match target(request) {
        "/pages" => ids_and_next(&["1"], "old"),
        _ => status(400),
    });
    assert_eq!(first.outcome("pages").errors.len(), 1);
    let second = go_on(&alone(), plan(), &keeper, |request| match target(request) {
        "/pages?page=old" => status(400),
        "/pages" => ids_and_next(&["1"], "new"),
        _ => ids(&["2"]),
    });
    assert_eq!(
        second.asked,
        ["/pages?page=old", "/pages", "/pages?page=new"]
    );
    assert_eq!(second.outcome("pages").errors.len(), 0);
    assert_eq!(keeper.lock().unwrap().ids("pages"), ["1", "2"]);
}

#[test]
fn only_what_failed_is_read_again_and_first() {
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let run = |serve: fn(&Request) -> Reply| go_on(&alone(), tasks_plan(), &keeper, serve);
    let first = run(|request| match target(request) {
        "/tasks?page=2&project=b" => status(400),
        _ => tree(request),
    });
    assert_eq!(first.outcome("tasks").errors.len(), 1);
    let second = run(tree);
    assert_eq!(second.asked, ["/tasks?page=2&project=b"]);
    assert_eq!(keeper.lock().unwrap().ids("tasks").len(), 5);
}

#[test]
fn nobody_is_read_for_a_parent_that_has_given_all() {
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let teams = stream("teams");
    let projects = stream("projects").by(&under("team", &[&teams]));
    let tasks = stream("tasks").by(&under("project", &[&projects]));
    let plan = || plan_of(&[&teams, &projects, &tasks], &["tasks"], &json!({}));
    let run = |fails: bool| {
        go_on(&alone(), plan(), &keeper, move |request| {
            match target(request) {
                "/teams" => ids(&["t"]),
                "/projects?team=t" => ids(&["a", "b"]),
                "/tasks?project=b" if fails => status(400),
                _ => ids(&["1"]),
            }
        })
    };
    run(true);
    assert_eq!(run(false).asked, ["/tasks?project=b"]);
}

#[test]
fn another_config_begins_anew() {
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let first = Scene {
        room: 12,
        ..alone()
    };
    go_on(&first, tasks_plan(), &keeper, tree);
    let kept = keeper.lock().unwrap().committed.clone().unwrap();
    let mut plan = tasks_plan();
    assert!(kept.resume(&mut plan).left.iter().all(Option::is_some));
    let mut recall = |stream: &str, take: &mut dyn FnMut(Step) -> io::Result<()>| {
        let head = kept.steps.get(stream).map(|kept| kept.head.clone());
        head.into_iter().flatten().try_for_each(take)
    };
    let other = Resume::of(&mut tasks_plan(), "other", &mut recall).unwrap();
    assert!(other.left.iter().all(Option::is_none));
}
