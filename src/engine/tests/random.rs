//! Random graphs, pages and faults against a model that reads one thing after the other.

use super::*;
use std::collections::BTreeMap;

/// Worlds in which more is asked for are passed over.
const MOST_REQUESTS: usize = 400;

/// Splitmix: the same worlds at every run.
#[derive(Clone, Copy)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> usize {
        usize::try_from(self.next() % end).unwrap()
    }

    /// Dice that depend on `what` only.
    fn of(seed: u64, what: &str) -> Self {
        Self(
            what.bytes()
                .fold(seed, |hash, byte| Self(hash ^ u64::from(byte)).next()),
        )
    }
}

#[derive(Clone)]
enum Router {
    List(Vec<String>),
    Under(Vec<usize>),
}

/// Streams of a made-up API; what it answers is a function of the seed and the request.
pub(super) struct World {
    seed: u64,
    routers: Vec<Vec<Router>>,
    pub(super) streams: Vec<Stream>,
    /// Whether each has a paginator.
    paged: Vec<bool>,
    faulty: bool,
}

/// What a sequential reader gets.
pub(super) struct Model {
    /// All requests, sorted.
    pub(super) requests: Vec<String>,
    /// The records of each stream, partition after partition.
    pub(super) partitions: Vec<Vec<Vec<String>>>,
    pub(super) failed: Vec<bool>,
}

/// What the API has for one request.
struct Page {
    ids: Vec<String>,
    keyless: bool,
    has_next: bool,
    /// Status that comes every time.
    fails: Option<u16>,
    /// Status that comes the first time.
    stumbles: Option<u16>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut world = Self {
            seed,
            routers: Vec::new(),
            streams: Vec::new(),
            paged: Vec::new(),
            faulty: dice.below(2) == 1,
        };
        for number in 0..=dice.below(6) {
            let mut routers = Vec::new();
            for _ in 0..[0, 1, 1, 1, 2][dice.below(5)] {
                routers.push(if number == 0 || dice.below(4) == 0 {
                    Router::List((0..dice.below(4)).map(|n| format!("v{n}")).collect())
                } else {
                    Router::Under(
                        (0..=dice.below(2))
                            .map(|_| dice.below(number as u64))
                            .collect(),
                    )
                });
            }
            let yaml: Vec<String> = routers
                .iter()
                .enumerate()
                .map(|(at, router)| match router {
                    Router::List(values) => {
                        let values: Vec<&str> = values.iter().map(String::as_str).collect();
                        list(&format!("r{at}"), &values)
                    }
                    Router::Under(parents) => {
                        let parents: Vec<&Stream> =
                            parents.iter().map(|&p| &world.streams[p]).collect();
                        under(&format!("r{at}"), &parents)
                    }
                })
                .collect();
            let mut stream = stream(&format!("s{number}")).asking(
                "error_handler: {type: DefaultErrorHandler, response_filters: \
                 [{type: HttpResponseFilter, http_codes: [404], action: IGNORE}]}",
            );
            world.paged.push(dice.below(4) > 0);
            if world.paged[number] {
                stream = stream.paged(PAGES);
            }
            if !yaml.is_empty() {
                stream = stream.by(&format!("[{}]", yaml.join(", ")));
            }
            world.routers.push(routers);
            world.streams.push(stream);
        }
        world
    }

    fn page(&self, stream: usize, slice: &[String], page: usize) -> Page {
        let what = format!("s{stream}|{}|{page}", slice.join("|"));
        let mut dice = Dice::of(self.seed, &what);
        let name = dice.next() & 0xFFFF_FFFF;
        let count = [0, 1, 1, 2, 3][dice.below(5)];
        let fault = if self.faulty { dice.below(16) } else { 16 };
        Page {
            ids: (0..count)
                .map(|n| format!("s{stream}-{name:x}-{n}"))
                .collect(),
            keyless: dice.below(8) == 0,
            has_next: dice.below(5) < 2 && self.paged[stream],
            fails: match fault {
                0 => Some(400),
                1 => Some(404),
                _ => None,
            },
            stumbles: match fault {
                2 | 3 => Some(500),
                4 => Some(429),
                _ => None,
            },
        }
    }

    fn slices(&self, stream: usize, records: &[Vec<String>]) -> Vec<Vec<String>> {
        let mut slices = vec![Vec::new()];
        for router in &self.routers[stream] {
            let values: Vec<String> = match router {
                Router::List(values) => values.clone(),
                Router::Under(parents) => {
                    parents.iter().flat_map(|&p| records[p].clone()).collect()
                }
            };
            slices = slices
                .iter()
                .flat_map(|slice| {
                    values
                        .iter()
                        .map(move |value| [&slice[..], std::slice::from_ref(value)].concat())
                })
                .collect();
        }
        slices
    }

    /// What a read of the streams `selected` comes to; none of a world that is too large.
    pub(super) fn model(&self, selected: &[usize]) -> Option<Model> {
        let mut needed: Vec<bool> = (0..self.streams.len())
            .map(|s| selected.contains(&s))
            .collect();
        for stream in (0..self.streams.len()).rev() {
            for router in &self.routers[stream] {
                if let (true, Router::Under(parents)) = (needed[stream], router) {
                    parents.iter().for_each(|&p| needed[p] = true);
                }
            }
        }
        let mut requests = Vec::new();
        let mut partitions = Vec::new();
        let mut flat: Vec<Vec<String>> = Vec::new();
        let mut failed: Vec<bool> = Vec::new();
        for (stream, needed) in needed.into_iter().enumerate() {
            let mut of_stream = Vec::new();
            let mut fails = self.routers[stream].iter().any(|router| match router {
                Router::Under(parents) => parents.iter().any(|&p| failed[p]),
                Router::List(_) => false,
            });
            let slices = if needed {
                self.slices(stream, &flat)
            } else {
                Vec::new()
            };
            if requests.len() + slices.len() > MOST_REQUESTS {
                return None;
            }
            for slice in slices {
                let mut ids = Vec::new();
                for number in 0.. {
                    let page = self.page(stream, &slice, number);
                    let request = request(stream, &slice, number);
                    if page.stumbles.is_some() && !requests.contains(&request) {
                        requests.push(request.clone());
                    }
                    requests.push(request);
                    if let Some(status) = page.fails {
                        fails |= status == 400;
                        break;
                    }
                    ids.extend(page.ids);
                    if !page.has_next {
                        break;
                    }
                }
                of_stream.push(ids);
            }
            flat.push(of_stream.concat());
            partitions.push(of_stream);
            failed.push(fails);
        }
        requests.sort();
        Some(Model {
            requests,
            partitions,
            failed,
        })
    }

    /// What the API answers; `seen` counts the tries of each request.
    pub(super) fn serve(&self, key: &str, seen: &Mutex<BTreeMap<String, usize>>) -> Reply {
        let (stream, slice, number) = parse(key);
        let page = self.page(stream, &slice, number);
        let tries = {
            let mut seen = seen.lock().unwrap();
            let tries = seen.entry(key.to_owned()).or_default();
            *tries += 1;
            *tries
        };
        for _ in 0..Dice::of(self.seed ^ tries as u64, key).below(4) {
            std::thread::yield_now();
        }
        if let Some(code) = page.fails.or(page.stumbles.filter(|_| tries == 1)) {
            return status(code);
        }
        let mut records: Vec<Value> = page.ids.iter().map(|id| json!({ "id": id })).collect();
        if page.keyless {
            records.push(json!({ "no": "key" }));
        }
        let mut value = json!({ "data": records });
        if page.has_next {
            value["next"] = json!(format!("p{}", number + 1));
        }
        body(&value)
    }
}

fn request(stream: usize, slice: &[String], page: usize) -> String {
    format!("s{stream}|{}|{page}", slice.join("|"))
}

/// A request as the model writes it.
pub(super) fn key(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut fields: BTreeMap<&str, &str> = query
        .split('&')
        .filter_map(|field| field.split_once('='))
        .collect();
    let page = fields
        .remove("page")
        .map_or(0, |page| page.strip_prefix('p').unwrap().parse().unwrap());
    let slice: Vec<String> = fields.into_values().map(str::to_owned).collect();
    request(
        path.strip_prefix("/s").unwrap().parse().unwrap(),
        &slice,
        page,
    )
}

fn parse(key: &str) -> (usize, Vec<String>, usize) {
    let mut parts: Vec<&str> = key.split('|').collect();
    let page = parts.pop().unwrap().parse().unwrap();
    let stream = parts.remove(0).strip_prefix('s').unwrap().parse().unwrap();
    parts.retain(|part| !part.is_empty());
    (stream, parts.into_iter().map(str::to_owned).collect(), page)
}

/// Reads one world; false when it is too large.
fn read(seed: u64, interrupt_at: Option<usize>) -> bool {
    let world = World::new(seed);
    let mut dice = Dice(seed ^ 0xABCD);
    let count = world.streams.len();
    let mut selected: Vec<usize> = (0..count).filter(|_| dice.below(2) == 0).collect();
    if selected.is_empty() {
        selected.push(count - 1);
    }
    let Some(Model {
        requests,
        partitions,
        failed,
    }) = world.model(&selected)
    else {
        return false;
    };
    let mut scene = Scene::default();
    scene.options.workers = 1 + dice.below(8);
    scene.options.read_ahead = dice.below(3) > 0;
    let names: Vec<String> = selected.iter().map(|s| format!("s{s}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let streams: Vec<&Stream> = world.streams.iter().collect();
    let plan = plan_of(&streams, &names, &json!({}));
    let world = Arc::new(world);
    let (api, cancel) = (Arc::clone(&world), Arc::clone(&scene.cancel));
    let seen = Mutex::default();
    let sent = AtomicUsize::new(0);
    let ran = scene.execute(plan, move |request| {
        if Some(sent.fetch_add(1, Ordering::Relaxed)) == interrupt_at {
            cancel.store(true, Ordering::Relaxed);
        }
        api.serve(&key(target(request)), &seen)
    });
    let outcome = ran.outcome.as_ref().unwrap();
    let whole = !outcome.cancelled;
    if whole {
        let mut asked: Vec<String> = ran.asked.iter().map(|target| key(target)).collect();
        asked.sort();
        assert_eq!(asked, requests, "seed {seed}");
    }
    for &stream in &selected {
        let name = format!("s{stream}");
        let ids: Vec<String> = ran
            .ids(&name)
            .into_iter()
            .filter(|id| !id.is_empty())
            .collect();
        let ended = ran.outcome(&name).finished;
        assert!(ended || !whole, "seed {seed}: {name} did not end");
        let mut left = ids.clone();
        for partition in &partitions[stream] {
            // Within a partition, in order; without an interrupt, all of it.
            let found: Vec<&String> = ids.iter().filter(|id| partition.contains(id)).collect();
            let wanted: Vec<&String> = partition.iter().take(found.len()).collect();
            if is_unique(partition, &partitions[stream]) {
                assert_eq!(found, wanted, "seed {seed}: {name}");
            }
            left.retain(|id| !partition.contains(id));
        }
        assert!(left.is_empty(), "seed {seed}: {name} has {left:?}");
        if ended {
            let told = ran.about(&name);
            assert_eq!(
                sorted(ids),
                sorted(partitions[stream].concat()),
                "seed {seed}: {name}: {told:?}"
            );
            let last = if failed[stream] {
                "Incomplete"
            } else {
                "Complete"
            };
            assert_eq!(told.last(), Some(&last), "seed {seed}: {name}: {told:?}");
            assert_eq!(
                told[told.len() - 2],
                "state",
                "seed {seed}: {name}: {told:?}"
            );
        }
    }
    true
}

/// Whether no other partition of the stream has the same records: a parent may feed a child twice.
fn is_unique(partition: &[String], all: &[Vec<String>]) -> bool {
    all.iter().filter(|other| other[..] == *partition).count() == 1
}

#[test]
fn any_graph_is_read_as_by_one_after_the_other() {
    let read = (0..200).filter(|&seed| read(seed, None)).count();
    assert!(read > 150, "{read}");
}

#[test]
fn an_interrupt_at_any_moment_ends_the_run_and_nothing_is_called_whole_that_is_not() {
    for seed in 0..60 {
        read(seed, Some(Dice(seed).below(12)));
    }
}
