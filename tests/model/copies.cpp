// Copies that come, return and go, as built (docs/internals/resync.md, rebuild.md; decision 0030): one slab of one extent with two blocks, up to
// three replicas. A replica leaves the in-sync set, or is placed anew; it is prepared, joins, is filled by numbered records, finishes and enters the
// set; it is retired, taken out, deleted, reported, and perhaps placed again. Clients write all the while, and the access point dies.
#include "engine.h"
enum { NMAX = 8, R3 = 3 };
enum RecordKind { NOTHING = 0, W0 = 1, W1, U0, C0, C1, DONE, EPOCH }; // U0: block 0 unmapped; Cx: block x copied to `to`; others have COPIED there
enum Truth { ABSENT = 0, PLACED = 1, LEAVING = 2 };               // what the metadata group says of a replica

struct Cfg {
  int nr = 3, n = 6, isr = 3, placed = 3, forks = 1, leaves = 2, sessions = 2, places = 0, retires = 0;
  // Rules left out, each a fault that must be found.
  bool copy_overwrites = 0, join_forgets_undone = 0, done_survives_cut = 0, finish_early = 0, enters_unfinished = 0, learner_not_required = 0,
       source_behind = 0, cut_told_high = 0, tail_kept = 0, newer_misses_tail = 0, missed_below_cut = 0, missed_unchecked = 0,
       missed_newest_cut = 0, zeros_not_copied = 0, retires_any = 0, leaving_enters = 0, deletes_in_set = 0, deletes_any_creation = 0,
       reports_any_creation = 0, leaves_early = 0, todo_volatile = 0;
};

struct Replica {
  u8 truth, creation;        // of the truth; creation ids count from 1
  u8 has;                    // creation id of what lies on the disk, 0: nothing
  u8 len, known, applied;    // log: held up to, known committed up to, in the index up to
  u8 foreign;                // its tail is of a history that was dropped
  u8 todo;                   // durable: the extent is not done (at `applied`)
  u8 st[2];                  // content at `applied`: number of the write, 0: zeros
  u8 missedKnown, missed;    // the access point: it was whole when it left, and which blocks clients wrote since
  u8 sawGo, sawGoCreation;   // its agent has seen a view in which it is to go
  u8 report;                 // creation id of a deletion whose report is under way
  u8 low;                    // the access point: lowest cut that it told since it left, + 1; 0: none
};
struct State {
  u8 n, commit, epochStart, isr, req, forks, leaves, sessions, places, retires;
  u8 kind[NMAX + 1], to[NMAX + 1], val[NMAX + 1];
  Replica r[R3];
  u8 lrn, step, cut, join, lastSeq, want, at, readVal, reading, touched; // the learner: lrn = replica + 1
  u8 pad[9];
};
enum Step { PREPARED = 1, WAITING, COPYING, SETTLING, WHOLE };
enum Op { WRITE = 1, DELIVER, COMMIT, KNOW, LEAVE, FORK, PREPARE, REQUIRE, JOIN, READ, COPY, DONE_REC, FINISH, ENTER, GIVE_UP, PLACE, CREATE, RETIRE, TAKE_OUT, SEE, DELETE, REPORT, RESTART };
static const char* ON[] = {"", "WRITE", "DELIVER", "COMMIT", "KNOW_COMMIT", "LEAVE", "AP_DIES", "PREPARE", "REQUIRE", "JOIN", "READ_BLOCK", "NUMBER_COPY", "NUMBER_DONE", "FINISH", "ENTER_SET", "GIVE_UP", "PLACE", "CREATE", "RETIRE", "TAKE_OUT", "AGENT_SEES", "DELETE", "REPORT", "RESTART"};

struct Model {
  typedef ::State State;
  Cfg c;
  u64 badFrom = 0;
  const char* opname(int o) { return ON[o]; }
  std::string name(Act a) { char b[80]; snprintf(b, 80, "%-12s %c arg=%d", ON[a.op], a.a < R3 ? 'A' + a.a : '-', a.b); return b; }
  std::string show(const State& s) {
    static const char* K[] = {"?", "w0", "w1", "u0", "c0", "c1", "done", "epoch"};
    std::string t = "commit=" + std::to_string(s.commit) + " isr=" + std::to_string(s.isr) + " req=" + std::to_string(s.req) + " history:";
    for (int q = 1; q <= s.n; q++) t += std::string(" ") + K[s.kind[q]];
    for (int i = 0; i < c.nr; i++) { const Replica& x = s.r[i]; char b[120];
      snprintf(b, 120, "\n          %c truth=%d creation=%d has=%d len=%d known=%d applied=%d todo=%d content=(%d,%d)", 'A' + i, x.truth, x.creation, x.has, x.len, x.known, x.applied, x.todo, x.st[0], x.st[1]); t += b; }
    return t;
  }
  void init(std::vector<State>& v) {
    State s; memset(&s, 0, sizeof s);
    s.n = s.commit = s.epochStart = 1; s.kind[1] = EPOCH; s.isr = s.req = c.isr;
    for (int i = 0; i < c.nr; i++) if (c.placed >> i & 1) { Replica& x = s.r[i]; x.truth = PLACED; x.creation = x.has = 1; if (c.isr >> i & 1) x.len = x.known = x.applied = 1; }
    v.push_back(s);
  }
  // ---- content
  static int content(const State& s, int q, int b) { for (; q > 0; q--) { if (s.kind[q] == W0 + b) return q; if (b == 0 && s.kind[q] == U0) return 0; } return 0; }
  static bool isWrite(int k) { return k >= W0 && k <= U0; }
  static int blockOf(int k) { return k == W1 ? 1 : 0; }
  static void apply(const State& s, const int q, int i, u8 st[2]) {
    int k = s.kind[q];
    if (k == W0 || k == W1) st[k - W0] = q;
    else if (k == U0) st[0] = 0;
    else if ((k == C0 || k == C1) && s.to[q] == i) st[k - C0] = s.val[q];
  }
  void view(const State& s, int i, int upto, u8 st[2]) { memcpy(st, s.r[i].st, 2); for (int q = s.r[i].applied + 1; q <= upto && q <= s.r[i].len; q++) apply(s, q, i, st); }
  void advance(State& s, int i) { // what is known to be committed goes into the index
    Replica& x = s.r[i];
    while (x.applied < std::min(x.known, x.len)) { x.applied++; apply(s, x.applied, i, x.st); if (s.kind[x.applied] == DONE && s.to[x.applied] == i) x.todo = 0; }
  }
  const char* check(const State& s) {
    for (int i = 0; i < c.nr; i++) if (s.isr >> i & 1) { const Replica& x = s.r[i];
      if (!x.has || x.has != x.creation) return "a member of the in-sync set does not exist";
      if (x.len < s.commit) return "I2: a member of the in-sync set lacks what is committed";
      if (x.foreign) return "I3: a member of the in-sync set has records of a dropped history";
      u8 st[2]; view(s, i, s.commit, st);
      for (int b = 0; b < 2; b++) if (st[b] != content(s, s.commit, b)) return "a member of the in-sync set has other content than the stream"; }
    if (!s.isr) return "nobody is in sync";
    return nullptr;
  }
  void number(State& t, int kind, int to, int val) {
    t.n++; t.kind[t.n] = kind; t.to[t.n] = to; t.val[t.n] = val;
    if (isWrite(kind)) {
      for (int i = 0; i < c.nr; i++) if (!(t.isr >> i & 1) && t.r[i].missedKnown) t.r[i].missed |= 1 << blockOf(kind);
      if (t.lrn && t.reading && t.at == blockOf(kind)) t.touched = 1;
    }
  }
  static void endSession(State& t) { t.lrn = t.step = t.cut = t.join = t.lastSeq = t.want = t.at = t.readVal = t.reading = t.touched = 0; }
  static void forget(Replica& x) { x.missedKnown = x.missed = x.low = 0; }
  template <class F> void next(const State& s, F emit0) {
    auto emit = [&](State& t, int op, int a, int b, const char* w = nullptr) { emit0(t, Act{(u8)op, (u8)a, (u8)b, 0}, w); };
    // ---- clients, log, commit
    if (s.n < c.n) for (int k = W0; k <= U0; k++) { State t = s; number(t, k, 0, 0); emit(t, WRITE, 9, k); }
    for (int i = 0; i < c.nr; i++) { const Replica& x = s.r[i];
      bool learns = s.lrn == i + 1 && s.step >= COPYING;
      if (((s.isr & s.req) >> i & 1 || learns) && x.has && x.len < s.n) { State t = s; t.r[i].len++;
        if (c.done_survives_cut && s.kind[x.len + 1] == DONE && s.to[x.len + 1] == i) t.r[i].todo = 0;
        emit(t, DELIVER, i, x.len + 1); }
      if (((s.isr | s.req) >> i & 1) && x.has && !x.foreign && x.known < std::min(s.commit, x.len) && !(s.lrn == i + 1 && s.step < COPYING)) { State t = s; t.r[i].known = std::min(s.commit, x.len); advance(t, i); emit(t, KNOW, i, t.r[i].known); } }
    if (s.commit < s.n) { bool all = true; for (int i = 0; i < c.nr; i++) if ((s.req >> i & 1) && s.r[i].len < s.commit + 1) all = false;
      if (all) { State t = s; t.commit++; emit(t, COMMIT, 9, t.commit); } }
    // ---- a member is lost; the change commits before it is no longer required (that order is replication.cpp's matter)
    for (int i = 0; i < c.nr; i++) if ((s.isr >> i & 1) && (s.isr & ~(1 << i)) && s.leaves < c.leaves) { State t = s; t.leaves++; t.isr &= ~(1 << i); t.req &= ~(1 << i); t.r[i].missedKnown = 1; t.r[i].missed = t.r[i].low = 0; emit(t, LEAVE, i, 0); }
    // ---- the access point dies; any part of the set answers the next one, and is the set from then on
    if (s.forks < c.forks && s.n < NMAX) for (int who = 1; who < 1 << c.nr; who++) if ((who & s.isr) == who) {
      State t = s; t.forks++; int best = 0; for (int i = 0; i < c.nr; i++) if (who >> i & 1) best = std::max(best, (int)s.r[i].len);
      for (int i = 0; i < c.nr; i++) { Replica& x = t.r[i]; if (!(who >> i & 1) && x.has && x.len > best) x.foreign = 1; if (who >> i & 1) x.len = best; forget(x); }
      for (int q = best + 1; q <= s.n; q++) t.kind[q] = t.to[q] = t.val[q] = 0;
      t.n = best; endSession(t); t.isr = t.req = who; number(t, EPOCH, 0, 0); t.epochStart = t.n; t.commit = t.n; for (int i = 0; i < c.nr; i++) if (who >> i & 1) t.r[i].len = t.n;
      emit(t, FORK, 9, who); }
    // ---- a copy returns
    if (!s.lrn && s.sessions < c.sessions) for (int i = 0; i < c.nr; i++) { const Replica& x = s.r[i];
      if ((s.isr >> i & 1) || (s.req >> i & 1) || !x.has || x.has != x.creation || (x.truth != PLACED && !c.leaving_enters)) continue;
      State t = s; t.sessions++; Replica& y = t.r[i]; int before = y.len;
      int cut = std::max((int)x.applied, std::min((int)x.known, (int)x.len));
      if (!c.tail_kept) { y.len = cut; y.foreign = 0; } else cut = y.len;
      advance(t, i); t.lrn = i + 1; t.step = PREPARED; t.cut = c.cut_told_high ? std::min(before, (int)s.commit) : cut; emit(t, PREPARE, i, t.cut); }
    if (s.lrn) { int i = s.lrn - 1; const Replica& x = s.r[i];
      { State t = s; if (!c.learner_not_required || !(s.isr >> i & 1)) t.req &= ~(1 << i) | s.isr; endSession(t); emit(t, GIVE_UP, i, 0); }
      if (s.step == PREPARED) { State t = s; t.join = s.n + 1; if (!c.learner_not_required) t.req |= 1 << i;
        // Blocks that it misses, as far as they are known: taken in the very step that requires it.
        int low = c.missed_newest_cut || !x.low ? s.cut : std::min((int)s.cut, x.low - 1); t.r[i].low = low + 1;
        bool known = x.missedKnown && (low + 1 >= s.epochStart || c.missed_unchecked); int blocks = x.missed;
        if (!c.missed_below_cut) for (int q = low + 1; q <= s.n; q++) if (isWrite(s.kind[q]) && q >= s.epochStart) blocks |= 1 << blockOf(s.kind[q]);
        t.want = known ? blocks : 3; t.step = WAITING; emit(t, REQUIRE, i, t.join); }
      if (s.step == WAITING && (s.commit >= s.join - 1 || c.source_behind)) for (int src = 0; src < c.nr; src++) if (s.isr >> src & 1) {
        State t = s; Replica& y = t.r[i]; bool newer = false; int to = std::min(c.source_behind ? (int)s.commit : s.join - 1, c.newer_misses_tail ? (int)s.r[src].applied : NMAX);
        for (int q = s.cut + 1; q <= to; q++) if (s.kind[q] != EPOCH && s.kind[q] != NOTHING) newer = true;
        y.todo = newer || (x.todo && !c.join_forgets_undone); y.len = y.applied = s.join - 1; y.known = s.join - 1;
        t.step = COPYING; t.lastSeq = s.join - 1; t.at = y.todo ? 0 : 2; emit(t, JOIN, i, y.todo);
        break; }
      if (s.step == COPYING && s.at < 2) {
        if (!(s.want >> s.at & 1)) { State t = s; t.at++; emit(t, COPY, i, 99); } // it is known not to miss it
        else if (!s.reading) { State t = s; t.reading = 1; t.touched = 0; t.readVal = content(s, s.commit, s.at); bool busy = false; for (int q = s.commit + 1; q <= s.n; q++) if (isWrite(s.kind[q]) && blockOf(s.kind[q]) == s.at) busy = true; if (!busy) emit(t, READ, i, s.at); } // a read waits for a write in flight
        else if ((s.touched && !c.copy_overwrites) || (c.zeros_not_copied && !s.readVal)) { State t = s; t.reading = t.touched = t.readVal = 0; t.at++; emit(t, COPY, i, 98); }
        else if (s.n < NMAX) { State t = s; number(t, C0 + s.at, i, s.readVal); t.reading = t.touched = t.readVal = 0; t.at++; t.lastSeq = t.n; emit(t, COPY, i, s.at); } }
      if (s.step == COPYING && s.at == 2) { State t = s; t.at = 3; if (x.todo && s.n < NMAX) { number(t, DONE, i, 0); t.lastSeq = t.n; t.step = SETTLING; emit(t, DONE_REC, i, t.n); } else if (!x.todo) { t.step = SETTLING; emit(t, DONE_REC, i, 0); } }
      if (s.step == SETTLING && (s.commit >= s.lastSeq || c.finish_early)) { State t = s; Replica& y = t.r[i];
        if (y.len >= s.lastSeq || c.finish_early) { if (!c.finish_early) { y.known = std::max(y.known, std::min(s.commit, y.len)); advance(t, i); } else y.todo = 0; if (!y.todo || c.enters_unfinished) { t.step = WHOLE; emit(t, FINISH, i, 0); } } }
      bool may = s.step == WHOLE || (c.enters_unfinished && s.step >= COPYING);
      if (may && (x.truth == PLACED || c.leaving_enters)) { State t = s; t.isr |= 1 << i; t.req |= 1 << i; endSession(t); forget(t.r[i]); emit(t, ENTER, i, 0); } }
    // ---- copies that come and go
    for (int i = 0; i < c.nr; i++) { const Replica& x = s.r[i]; int b = 1 << i;
      if (s.places < c.places && x.truth == ABSENT) { State t = s; t.places++; t.r[i].truth = PLACED; t.r[i].creation++; emit(t, PLACE, i, t.r[i].creation); }
      if (x.truth == PLACED && x.has != x.creation) { State t = s; Replica& y = t.r[i]; y.has = x.creation; y.len = y.known = y.applied = y.foreign = y.todo = 0; y.st[0] = y.st[1] = 0; forget(y); emit(t, CREATE, i, x.creation); }
      if (s.retires < c.retires && x.truth == PLACED) { int others = 0; for (int k = 0; k < c.nr; k++) if (k != i && s.r[k].truth == PLACED && (s.isr >> k & 1)) others++;
        if (others || c.retires_any) { State t = s; t.retires++; t.r[i].truth = LEAVING; emit(t, RETIRE, i, others); } }
      if (x.truth == LEAVING && (s.isr & b)) { int others = 0; for (int k = 0; k < c.nr; k++) if (k != i && s.r[k].truth == PLACED && (s.isr >> k & 1)) others++;
        if (others || c.leaves_early) { State t = s; t.isr &= ~b; t.req &= ~b; emit(t, TAKE_OUT, i, 0); } }
      if (x.truth == LEAVING && (!(s.isr & b) || c.deletes_in_set) && !x.sawGo) { State t = s; t.r[i].sawGo = 1; t.r[i].sawGoCreation = x.creation; emit(t, SEE, i, x.creation); }
      // The agent's view may be old: it deletes what it saw to go, whatever has become of it.
      if (x.sawGo && x.has && (x.has == x.sawGoCreation || c.deletes_any_creation)) { State t = s; Replica& y = t.r[i]; y.report = x.has; y.has = 0; y.len = y.known = y.applied = y.foreign = y.todo = 0; y.st[0] = y.st[1] = 0; forget(y); if (!c.deletes_any_creation) y.sawGo = y.sawGoCreation = 0; if (s.lrn == i + 1) { t.req &= ~b | s.isr; endSession(t); } emit(t, DELETE, i, y.report); }
      if (x.report) { // and it may be told more than once
        for (int again = 0; again < 2; again++) { State t = s; Replica& y = t.r[i]; if (!again) y.report = 0; if (x.truth != ABSENT && (x.report == x.creation || c.reports_any_creation)) y.truth = ABSENT; if (memcmp(&t, &s, sizeof s)) emit(t, REPORT, i, x.report, y.truth == ABSENT && (s.isr & b) ? "a member of the in-sync set is gone from the truth" : nullptr); } }
      if (c.todo_volatile && x.todo) { State t = s; t.r[i].todo = 0; emit(t, RESTART, i, 0); } }
  }
};

int main(int ac, char** av) {
  Model m; Opt o; Cfg& c = m.c;
  std::map<std::string, bool*> F = {{"copy_overwrites", &c.copy_overwrites}, {"join_forgets_undone", &c.join_forgets_undone}, {"done_survives_cut", &c.done_survives_cut}, {"finish_early", &c.finish_early}, {"enters_unfinished", &c.enters_unfinished}, {"learner_not_required", &c.learner_not_required}, {"source_behind", &c.source_behind}, {"cut_told_high", &c.cut_told_high}, {"tail_kept", &c.tail_kept}, {"newer_misses_tail", &c.newer_misses_tail}, {"missed_below_cut", &c.missed_below_cut}, {"missed_unchecked", &c.missed_unchecked}, {"missed_newest_cut", &c.missed_newest_cut}, {"zeros_not_copied", &c.zeros_not_copied}, {"retires_any", &c.retires_any}, {"leaving_enters", &c.leaving_enters}, {"deletes_in_set", &c.deletes_in_set}, {"deletes_any_creation", &c.deletes_any_creation}, {"reports_any_creation", &c.reports_any_creation}, {"leaves_early", &c.leaves_early}, {"todo_volatile", &c.todo_volatile}, {"quiet", &o.quiet}, {"stats", &o.stats}};
  std::map<std::string, int*> N = {{"nr", &c.nr}, {"n", &c.n}, {"isr", &c.isr}, {"placed", &c.placed}, {"forks", &c.forks}, {"leaves", &c.leaves}, {"sessions", &c.sessions}, {"places", &c.places}, {"retires", &c.retires}};
  for (int i = 1; i < ac; i++) { std::string a = av[i]; size_t q = a.find('=');
    if (q != std::string::npos && N.count(a.substr(0, q))) *N[a.substr(0, q)] = atoi(a.c_str() + q + 1);
    else if (F.count(a)) *F[a] = true;
    else { fprintf(stderr, "unknown argument %s\n", a.c_str()); return 64; } }
  if (c.n > NMAX - 2 || c.nr > R3) { fprintf(stderr, "bounds: n<=%d nr<=%d\n", NMAX - 2, R3); return 64; }
  static_assert(sizeof(State) % 8 == 0, "no hidden padding");
  return explore(m, o);
}
