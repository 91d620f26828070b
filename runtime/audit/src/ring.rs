//! A sink with bounded memory: whoever makes records never waits for whoever reads them, unless
//! that was asked for.
//!
//! Records are put into a buffer of a fixed size, as frames of the binary form; a thread takes the
//! whole buffer, leaving an empty one, and writes it out. Where a record has no room, and where
//! writing fails, it is counted, and the next one that has room comes behind a record that says how
//! many are missing; room for that one is there from the beginning.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::binary;
use crate::json;
use crate::record::{Event, OnLoss, Record, Sink, Task};
use crate::target::Target;

/// A form in which records are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// JSON Lines.
    Json,
    /// The binary form.
    Binary,
}

impl Form {
    /// That of a file by its name: `.jsonl`, `.json` and `.ndjson` are JSON Lines.
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "json" | "ndjson") => Self::Json,
            Some(_) | None => Self::Binary,
        }
    }
}

/// Bytes of a ring, where nothing else is asked for.
pub const CAPACITY: usize = 8 << 20;

/// Room for a record of lost ones.
const LOST_ROOM: usize = 128;

/// How long until writing is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// What has no room for so long that all waits for it is written at the end.
const LAST_TRIES: u32 = 3;

/// Records that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Loss {
    first: u64,
    count: u64,
    time: u64,
}

impl Loss {
    const fn of(record: &Record) -> Self {
        let count = if let Event::Lost(count) = record.event { count } else { 1 };
        Self { first: record.seq, count, time: record.time }
    }

    fn join(before: Option<Self>, other: Self) -> Self {
        match before {
            Some(before) => Self { count: before.count.saturating_add(other.count), ..before },
            None => other,
        }
    }

    fn record(self) -> Record {
        let task = Task::default();
        Record { time: self.time, seq: self.first, task, event: Event::Lost(self.count) }
    }
}

/// Frames, and where each ends.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    ends: Vec<(usize, Loss)>,
}

impl Batch {
    fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity + LOST_ROOM), ends: Vec::new() }
    }

    fn put(&mut self, frame: &[u8], stands_for: Loss) {
        self.bytes.extend_from_slice(frame);
        self.ends.push((self.bytes.len(), stands_for));
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[derive(Debug)]
struct State {
    batch: Batch,
    /// Since the last record that had room.
    lost: Option<Loss>,
    /// What the writer lost since the last record was taken.
    failed: bool,
    /// Nothing can be written any more.
    broken: bool,
    closed: bool,
    summary: Summary,
}

/// What became of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were written.
    pub written: u64,
    /// Records that were lost, and that a record says so of.
    pub told: u64,
    /// Records that were lost, and that only this says so of: not even that could be written.
    pub untold: u64,
    /// The last thing that went wrong.
    pub error: Option<String>,
}

impl Summary {
    /// How many records were lost.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.told.saturating_add(self.untold)
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    capacity: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sink.
#[derive(Debug)]
pub struct Ring {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    on_loss: OnLoss,
    /// The frame of the record at hand.
    frame: Vec<u8>,
}

impl Ring {
    /// A sink that writes to a file, from where that stands. `path` is where it is, if it has a
    /// name: some room of the disk is kept back beside it, so that a full disk has room to say so.
    ///
    /// # Errors
    /// If the file or a thread cannot be had, or the header cannot be written.
    pub fn file(
        file: File,
        path: Option<&Path>,
        form: Form,
        capacity: usize,
        on_loss: OnLoss,
    ) -> io::Result<Self> {
        Self::new(Target::file(file, path)?, form, capacity, on_loss)
    }

    /// A sink that writes to a stream.
    ///
    /// # Errors
    /// If a thread cannot be had, or the header cannot be written.
    pub fn stream(
        stream: impl Write + Send + 'static,
        form: Form,
        capacity: usize,
        on_loss: OnLoss,
    ) -> io::Result<Self> {
        Self::new(Target::Stream(Box::new(stream)), form, capacity, on_loss)
    }

    fn new(mut target: Target, form: Form, capacity: usize, on_loss: OnLoss) -> io::Result<Self> {
        if form == Form::Binary {
            let header = binary::header(0);
            target.write(&header).map_err(|(_, error)| error)?;
            target.all(header.len());
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                batch: Batch::with_capacity(capacity),
                lost: None,
                failed: false,
                broken: false,
                closed: false,
                summary: Summary::default(),
            }),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity,
        });
        let writer = Writer {
            target,
            form,
            spare: Batch::with_capacity(capacity),
            text: Vec::new(),
            lost: None,
            broken: false,
            dirty: false,
            waits: on_loss == OnLoss::Stop,
        };
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("filterc-audit".to_owned());
        let thread = thread.spawn(move || writer.run(&theirs))?;
        Ok(Self { shared, writer: Some(thread), on_loss, frame: Vec::new() })
    }

    /// Writes what is left, and says what became of all.
    #[must_use]
    pub fn finish(mut self) -> Summary {
        self.close();
        self.shared.lock().summary.clone()
    }

    fn close(&mut self) {
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            // It does not panic; if it did, the summary says what it had written.
            let _ = writer.join();
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.close();
    }
}

impl Sink for Ring {
    fn take(&mut self, record: &Record) -> bool {
        self.frame.clear();
        let fits = binary::encode(record, &mut self.frame).is_ok();
        let own = Loss::of(record);
        let capacity = self.shared.capacity;
        let mut state = self.shared.lock();
        let room = |state: &State, length: usize| {
            let before = if state.lost.is_some() { LOST_ROOM } else { 0 };
            state.batch.bytes.len() + before + length <= capacity
        };
        // One that no ring of this size can hold is lost at once.
        let fits = fits && self.frame.len() + LOST_ROOM <= capacity;
        while fits
            && self.on_loss == OnLoss::Stop
            && !state.broken
            && !room(&state, self.frame.len())
        {
            state = self.shared.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let failed = std::mem::take(&mut state.failed);
        if state.broken || !fits || !room(&state, self.frame.len()) {
            state.lost = Some(Loss::join(state.lost, own));
            return false;
        }
        let was_empty = state.batch.ends.is_empty();
        if let Some(loss) = state.lost.take() {
            put_lost(&mut state.batch, loss);
        }
        state.batch.put(&self.frame, own);
        drop(state);
        if was_empty {
            self.shared.filled.notify_one();
        }
        !failed
    }

    fn on_loss(&self) -> OnLoss {
        self.on_loss
    }
}

fn put_lost(batch: &mut Batch, loss: Loss) {
    let before = batch.bytes.len();
    if binary::encode(&loss.record(), &mut batch.bytes).is_ok() && batch.bytes.len() > before {
        batch.ends.push((batch.bytes.len(), loss));
    }
}

/// The thread that writes.
struct Writer {
    target: Target,
    form: Form,
    spare: Batch,
    /// Lines, of the other form.
    text: Vec<u8>,
    /// What could not be written, and has not been told.
    lost: Option<Loss>,
    broken: bool,
    /// A stream has the beginning of a record.
    dirty: bool,
    waits: bool,
}

impl Writer {
    fn run(mut self, shared: &Shared) {
        let mut tries = 0;
        loop {
            let mut state = shared.lock();
            while state.batch.ends.is_empty() && !state.closed {
                if self.lost.is_some() && !self.broken {
                    let (locked, timed) = shared
                        .filled
                        .wait_timeout(state, AGAIN)
                        .unwrap_or_else(PoisonError::into_inner);
                    state = locked;
                    if timed.timed_out() {
                        break;
                    }
                } else {
                    state = shared.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            let closed = state.closed;
            std::mem::swap(&mut state.batch, &mut self.spare);
            if closed && let Some(loss) = state.lost.take() {
                put_lost(&mut self.spare, loss);
            }
            drop(state);
            shared.emptied.notify_all();
            self.batch(shared, closed);
            if closed && (self.lost.is_none() || self.broken || tries == LAST_TRIES) {
                break;
            }
            if closed {
                tries += 1;
                std::thread::sleep(AGAIN);
            }
        }
        let mut state = shared.lock();
        state.summary.untold += self.lost.map_or(0, |loss| loss.count);
    }

    /// Writes a batch, what was lost before first.
    fn batch(&mut self, shared: &Shared, closed: bool) {
        loop {
            let mut batch = std::mem::take(&mut self.spare);
            if let Some(loss) = self.lost.take() {
                let mut with = Batch::default();
                put_lost(&mut with, loss);
                let shift = with.bytes.len();
                with.bytes.extend_from_slice(&batch.bytes);
                with.ends.extend(batch.ends.iter().map(|(end, of)| (end + shift, *of)));
                batch.bytes.clear();
                batch.bytes.extend_from_slice(&with.bytes);
                batch.ends = with.ends;
            }
            let (whole, failed) = self.write(&batch);
            let mut state = shared.lock();
            for (start, (end, of)) in starts(&batch).zip(&batch.ends).take(whole) {
                match binary::is_lost(batch.bytes.get(start..*end).unwrap_or_default()) {
                    true => state.summary.told += of.count,
                    false => state.summary.written += 1,
                }
            }
            let Some(error) = failed else {
                batch.clear();
                self.spare = batch;
                return;
            };
            self.broken =
                matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
            state.summary.error = Some(error.to_string());
            state.broken |= self.broken;
            state.failed = true;
            let waits = self.waits && !self.broken && !closed && !state.closed;
            drop(state);
            shared.emptied.notify_all();
            if waits {
                // Nothing is lost: the rest is tried again.
                self.spare = rest(&batch, whole);
                std::thread::sleep(AGAIN);
                continue;
            }
            for (_, of) in batch.ends.iter().skip(whole) {
                self.lost = Some(Loss::join(self.lost, *of));
            }
            batch.clear();
            self.spare = batch;
            // With what was kept back there is room to say so.
            if !self.broken && self.tell_now() {
                let mut state = shared.lock();
                state.summary.told += self.lost.take().map_or(0, |loss| loss.count);
            }
            return;
        }
    }

    /// How many frames were written, and why not all.
    fn write(&mut self, batch: &Batch) -> (usize, Option<io::Error>) {
        if self.broken {
            return (0, Some(io::ErrorKind::BrokenPipe.into()));
        }
        if batch.ends.is_empty() {
            return (0, None);
        }
        let mut ends: Vec<usize> = batch.ends.iter().map(|(end, _)| *end).collect();
        self.text.clear();
        // What stands there ends in the middle of a line.
        let before = usize::from(self.dirty && self.form == Form::Json);
        let bytes = match self.form {
            Form::Binary => &batch.bytes,
            Form::Json => {
                self.text.resize(before, b'\n');
                for (start, end) in starts(batch).zip(&mut ends) {
                    let frame = batch.bytes.get(start..*end).unwrap_or_default();
                    if let Some(record) = binary::decode(frame) {
                        json::write(&record, &mut self.text);
                    }
                    *end = self.text.len();
                }
                &self.text
            }
        };
        match self.target.write(bytes) {
            Ok(()) => {
                self.target.all(bytes.len());
                self.dirty = false;
                self.target.hold();
                (ends.len(), None)
            }
            Err((written, error)) => {
                let whole = ends.iter().take_while(|end| **end <= written).count();
                let kept = whole.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(0);
                let taken_back = self.target.keep(kept);
                self.dirty = if taken_back { false } else { self.dirty || written > kept };
                (whole, Some(error))
            }
        }
    }

    /// Says what is lost in the room that was kept back.
    fn tell_now(&mut self) -> bool {
        let Some(loss) = self.lost else { return false };
        self.target.release();
        let mut batch = Batch::default();
        put_lost(&mut batch, loss);
        let mut out = std::mem::take(&mut self.text);
        out.clear();
        match self.form {
            Form::Binary => out.extend_from_slice(&batch.bytes),
            Form::Json => {
                if self.dirty {
                    out.push(b'\n');
                }
                json::write(&loss.record(), &mut out);
            }
        }
        let done = match self.target.write(&out) {
            Ok(()) => {
                self.target.all(out.len());
                self.dirty = false;
                true
            }
            Err((written, _)) => {
                self.dirty |= !self.target.keep(0) && written > 0;
                false
            }
        };
        self.text = out;
        done
    }
}

/// Where each frame begins.
fn starts(batch: &Batch) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(batch.ends.iter().map(|(end, _)| *end))
}

/// The frames from one on.
fn rest(batch: &Batch, from: usize) -> Batch {
    let start = starts(batch).nth(from).unwrap_or(0);
    let bytes = batch.bytes.get(start..).unwrap_or_default().to_vec();
    let ends = batch.ends.iter().skip(from).map(|(end, of)| (end - start, *of)).collect();
    Batch { bytes, ends }
}
