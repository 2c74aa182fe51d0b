/* SPDX-License-Identifier: Apache-2.0
 *
 * rule.pml: the life of one rule of the offload engine
 * ====================================================
 *
 * One megaflow, the NIC, two workers of which one has the rule at a time, the
 * rule's in-port A, and a port B to which the rule outputs if its actions say
 * so, in which case it can run whole, if B is there, and able to transmit what
 * the NIC sends to it.  A lane puts, modifies and removes the flow.  Main pauses
 * and restarts A, removes B and adds it again, hears that B is able to more or
 * less, hands rules over from one worker to the other, and in the end, perhaps,
 * removes A.  A cleaner flushes A if the NIC may have what nobody has a handle
 * of.  A rule that runs whole has no mark, and is put without one if there is
 * none: if it can't run whole then, it waits for a mark.
 *
 * Correspondence.  States and LEGAL: dp-rule-state.c.  next, done:
 * dp-offload-step.c, dp-rule-change.c.  close_door, flush, Main, Cleaner:
 * dp-port-life.c.  hand over: dp-offload-worker.c.  What happens under a
 * shard's mutex is one step; calls of the provider are steps of their own.
 *
 * Disturbances (puts that are busy, or end nobody knows how; removals and
 * flushes that fail; marks that are not to be had) come from a budget, so that
 * they end.
 *
 * Checked.  Assertions: only legal edges.  The mark is given back only when the
 * NIC has no rule with it; a rule that marks has one.  The NIC never has two.  When B's device goes
 * nothing outputs to it, unless a flush has failed that was to see to it.  In
 * the end the NIC has what is desired and nothing else, unless A has gone and
 * the mark is lost.  No deadlock: main gets through.
 *
 * Seeded bugs.  Each is switched on by -DBUG_..., and must make a check fail;
 * run-models knows which ones there are. */

#ifndef REQUESTS
#define REQUESTS 3              /* Of the lane. */
#endif
#ifndef EVENTS
#define EVENTS 2                /* Of main. */
#endif
#ifndef BUDGET
#define BUDGET 1                /* Disturbances of any kind. */
#endif

#define ABSENT 0
#define WAITING 1
#define REFUSED 2
#define UNFIT 3
#define PUTTING 4
#define UNSURE 5
#define INSTALLED 6
#define ASKED 7
#define REMOVING 8
#define STUCK 9
#define DEAD 10

#define LEGAL(s, d) \
    ((s == ABSENT && (d == WAITING || d == REFUSED || d == PUTTING \
                      || d == DEAD)) \
     || (s == WAITING && d == ABSENT) \
     || (s == REFUSED && d == ABSENT) \
     || (s == UNFIT && d == ABSENT) \
     || (s == PUTTING && (d == INSTALLED || d == WAITING || d == REFUSED \
                          || d == UNFIT || d == UNSURE)) \
     || (s == UNSURE && d == ABSENT) \
     || (s == INSTALLED && (d == ASKED || d == REMOVING || d == ABSENT \
                            || d == UNSURE)) \
     || (s == ASKED && d == INSTALLED) \
     || (s == REMOVING && (d == ABSENT || d == STUCK)) \
     || (s == STUCK && (d == REMOVING || d == INSTALLED || d == ABSENT \
                        || d == UNSURE)))

#define IN(s) (s == INSTALLED || s == ASKED || s == REMOVING || s == STUCK)

/* States of A. */
#define RUNNING 0
#define CLEANING 1
#define PAUSED 2
#define STOPPING 3
#define GONE 4

/* Steps. */
#define NOTHING 0
#define PUT 1
#define DEL 2
#define PLAN 3

/* The rule: what is desired. */
byte st = DEAD;
bool want;                      /* It has a flow. */
bool out;                       /* Its actions output to B. */
byte gen;

/* The rule: what its worker knows. */
byte put_gen, pgen;
bool whole;                     /* As what it was put. */
bool put_out;                   /* Actions that were put or planned. */
bool replace, replan;
bool peer;                      /* Holds B. */
bool pressed;                   /* UNSURE, and B has to go. */
bool depends;                   /* Is to be told about B. */
bool mark;
bool needs_mark;                /* The last put missed it. */

/* Its place in a queue. */
bool ready;
byte where;                     /* Whose queue. */
byte owner;

/* The NIC. */
byte nic;                       /* Rules that it has. */
bool nic_out;                   /* The rule outputs to B. */
bool nic_marks;                 /* It marks. */

/* Ports. */
byte a = RUNNING;
byte a_gen = 1, lost_gen = 1, gone_gen = 1;
byte calls;                     /* Under way in A. */
bool unsure;
bool b = true;                  /* Is there. */
bool able = true;               /* It transmits. */
byte changes;                   /* How often that has changed. */
byte peers;                     /* Rules and operations that hold B. */
bool given_up;                  /* A flush has failed when B had to go. */
bool lost;                      /* A mark was lost. */

/* Threads. */
byte budget = BUDGET;
bool stopped[2];
bool inside[2];                 /* Between popping a rule and the end. */
bool lane_done, main_done;

inline go(d)
{
    assert(LEGAL(st, d));
    st = d
}

inline set_ready()
{
    if
    :: !ready -> ready = true; where = owner
    :: else
    fi
}

inline look_again()
{
    if
    :: st == WAITING || st == REFUSED || st == UNFIT -> go(ABSENT)
    :: else
    fi
}

inline drop_mark()
{
    assert(!mark || nic == 0 || !nic_marks);
    mark = false
}

inline lose_mark()
{
    lost = true;
    mark = false
}

inline let_peer_go()
{
    if
    :: peer -> peer = false; peers--
    :: else
    fi
}

/* The rule has left the NIC, as far as the books are concerned. */
inline leave_books()
{
    whole = false; replace = false; replan = false
}

/* The rule is UNSURE, and outputs to B, which has to go: A is flushed, and if
 * that fails B goes all the same. */
inline press()
{
    if
    :: !peer || b -> pressed = false
    :: peer && !b && !pressed -> pressed = true; pgen = a_gen; unsure = true
    :: peer && !b && pressed ->
       if
       :: pgen < lost_gen -> given_up = true; let_peer_go()
       :: else
       fi
    fi
}

inline begin(s, step)
{
    if
    :: s == DEL && (a == RUNNING || a == STOPPING) -> step = s
    :: s != DEL && a == RUNNING -> step = s
    :: else -> step = NOTHING
    fi;
    if
    :: step != NOTHING -> calls++
    :: else
    fi
}

inline next_installed(step)
{
    if
    :: !want || pgen != a_gen || replace || a == STOPPING || (peer && !b) ->
       begin(DEL, step)
    :: else ->
       if
       :: st == STUCK -> go(INSTALLED)
       :: else
       fi;
#ifdef BUG_NO_GEN
       if
       :: replan -> begin(PLAN, step)
#else
       if
       :: put_gen != gen || replan -> begin(PLAN, step)
#endif
       :: else -> step = NOTHING
       fi
    fi;
    if
    :: step == DEL -> go(REMOVING)
    :: step == PLAN -> go(ASKED); o_replan = replan; replan = false
    :: else
    fi
}

/* A mark is to be had, or has to be waited for. */
inline take_mark()
{
    if
    :: mark
    :: !mark -> mark = true
    :: !mark && budget > 0 -> budget--
    fi
}

#define NEEDS_MARK (!mark && needs_mark && put_gen == gen && pgen == a_gen)

#define STAYS_REFUSED (st == REFUSED && put_gen == gen && pgen == a_gen)

inline next_absent(step)
{
    step = NOTHING;
    if
    :: !want -> drop_mark(); look_again(); depends = false; go(DEAD)
    :: want && a != RUNNING -> drop_mark(); look_again()
    :: want && a == RUNNING && STAYS_REFUSED -> drop_mark()
    :: else ->
       look_again();
       take_mark();
       if
       :: NEEDS_MARK -> go(WAITING)
       :: else ->
          begin(PUT, step);
          go(PUTTING); replan = false
       fi
    fi
}

/* dp_rule_next(). */
inline next(step)
{
    if
    :: st == WAITING -> go(ABSENT)
    :: else
    fi;
    if
    :: IN(st) && pgen < lost_gen && pgen < gone_gen ->
       leave_books(); let_peer_go(); go(ABSENT)
    :: IN(st) && pgen < lost_gen && pgen >= gone_gen ->
       leave_books(); go(UNSURE)
    :: else
    fi;
    if
    :: IN(st) -> next_installed(step)
    :: st == UNSURE && pgen >= gone_gen && a != STOPPING ->
       press();
       step = NOTHING
    :: st == UNSURE && pgen >= gone_gen && a == STOPPING ->
       let_peer_go(); pressed = false; go(ABSENT);
       lose_mark();
       next_absent(step)
    :: st == UNSURE && pgen < gone_gen ->
       let_peer_go(); pressed = false; go(ABSENT);
       next_absent(step)
    :: st == DEAD -> step = NOTHING
    :: else -> next_absent(step)
    fi
}

/* The port that the rule would output to is looked up: dp_offload_op_peer().
 * Then the provider decides. */
inline describe(o_out, o_peer, o_n, o_whole)
{
    o_out = out;
    o_n = changes;
    o_peer = false;
    if
    :: o_out && b ->
       o_peer = true;
#ifndef BUG_NO_PEER
       peers++
#endif
    :: else
    fi;
    o_whole = o_peer && able
}

#ifdef BUG_BLIND_CHANGE
#define OUTDATED (o_peer != b)
#else
#define OUTDATED (o_peer != b || o_n != changes)
#endif

/* dp_rule_depend(). */
inline depend(o_out, o_peer, o_n)
{
    depends = o_out;
    if
#ifndef BUG_BLIND_LINK
    :: o_out && OUTDATED -> replan = true; set_ready()
#endif
    :: else
    fi
}

inline release(o_peer)
{
    if
    :: o_peer ->
       o_peer = false;
#ifndef BUG_NO_PEER
       peers--
#endif
    :: else
    fi
}

/* The NIC does 'step'.  res: 0 done, 1 failed, 2 nobody knows, 3 needs a
 * mark. */
#ifdef BUG_MARKLESS
#define MAY_PUT true
#else
#define MAY_PUT (o_whole || o_mark)
#endif

inline put_into_nic(o_whole)
{
    nic++;
    nic_out = o_whole;
    nic_marks = !o_whole;
    assert(!nic_marks || mark)
}

inline ask_nic(step, o_whole, o_mark, res)
{
    res = 0;
    if
#ifndef BUG_MARKLESS
    :: step == PUT && !o_whole && !o_mark -> res = 3
#endif
    :: step == PUT && MAY_PUT && budget > 0 -> budget--; res = 1
    :: step == PUT && MAY_PUT && budget > 0 -> budget--; res = 2
    :: step == PUT && MAY_PUT && budget > 0 ->
       budget--; res = 2; put_into_nic(o_whole)
    :: step == PUT && MAY_PUT -> put_into_nic(o_whole)
    :: step == DEL && budget > 0 -> budget--; res = 1
    :: step == DEL ->
       if
       :: nic > 0 -> nic--
       :: else
       fi
    :: step == PLAN -> skip
    fi;
    assert(nic <= 1)
}

inline put_done(o_gen, o_pgen, o_out, o_peer, o_n, o_whole, res)
{
    put_gen = o_gen; pgen = o_pgen; put_out = o_out;
    if
    :: res != 0 -> needs_mark = (res == 3)
    :: else
    fi;
    if
    :: res == 0 ->
       go(INSTALLED);
       whole = o_whole;
#ifndef BUG_WHOLE_KEEPS
       if
       :: whole -> drop_mark()
       :: else
       fi;
#endif
       depend(o_out, o_peer, o_n);
       if
       :: o_whole ->
          o_peer = false;
#ifdef BUG_NO_PEER
          skip
#else
          peer = true
#endif
       :: else
       fi
    :: res == 1 || res == 3 -> go(WAITING); drop_mark()
    :: res == 2 ->
#ifdef BUG_UNSURE_FREES
       go(WAITING); drop_mark()
#else
       go(UNSURE); unsure = true;
       depend(o_out, o_peer, o_n);
       if
#ifndef BUG_UNSURE_LETS_GO
       :: o_peer -> o_peer = false; peer = true
#endif
       :: else
       fi
#endif
    fi
}

inline del_done(res)
{
    if
    :: res == 0 -> leave_books(); let_peer_go(); go(ABSENT)
    :: res == 1 && a != STOPPING ->
       go(STUCK);
       if
       :: peer && !b -> unsure = true
       :: else
       fi
    :: res == 1 && a == STOPPING ->
       go(STUCK); leave_books(); let_peer_go(); go(ABSENT);
       lose_mark()
    fi;
    if
    :: st == ABSENT && (a == STOPPING || !want) -> drop_mark()
    :: else
    fi;
    if
    :: st == ABSENT -> set_ready()
    :: else
    fi
}

inline plan_done(o_gen, o_out, o_peer, o_n, o_whole, o_replan)
{
    go(INSTALLED);
    put_gen = o_gen;
#ifdef BUG_LATE_REPLAN
    o_replan = replan || o_replan;
    replan = false;
#endif
    if
    :: !whole -> depend(o_out, o_peer, o_n)
    :: else
    fi;
    if
    :: o_out == put_out && (!o_replan || o_whole == whole) -> skip
    :: else ->
       if
       :: o_whole || whole -> replace = true; set_ready()
       :: else -> put_out = o_out
       fi
    fi
}

#define IDLE (lane_done && main_done && !ready && !unsure && calls == 0 \
              && st != WAITING && st != STUCK)

proctype Worker(byte id)
{
    byte step, o_gen, o_pgen, o_n, res;
    bool o_out, o_peer, o_whole, o_replan, o_mark;

    do
    :: atomic {
           !stopped[id] && ready && where == id ->
           ready = false;
           inside[id] = true;
           assert(!inside[1 - id]);
           next(step);
           o_gen = gen; o_pgen = a_gen; o_mark = mark
       };
       if
       :: step == NOTHING
       :: step == DEL
       :: step == PUT || step == PLAN ->
          atomic { describe(o_out, o_peer, o_n, o_whole) }
       fi;
       if
       :: step == NOTHING
       :: else ->
          atomic { ask_nic(step, o_whole, o_mark, res) };
          atomic {
              if
              :: step == PUT -> put_done(o_gen, o_pgen, o_out, o_peer, o_n,
                                         o_whole, res)
              :: step == DEL -> del_done(res)
              :: step == PLAN -> plan_done(o_gen, o_out, o_peer, o_n, o_whole,
                                           o_replan)
              fi;
              release(o_peer);
              calls--
          }
       fi;
       atomic {
           inside[id] = false; step = 0; o_gen = 0; o_pgen = 0; res = 0;
           o_n = 0; o_whole = false; o_out = false; o_replan = false; o_mark = false
       }

    /* The waiting room. */
    :: atomic {
           !stopped[id] && owner == id && !ready &&
           (st == WAITING || st == STUCK) -> set_ready()
       }
    :: atomic { IDLE && !inside[0] && !inside[1] -> break }
    od
}

proctype Lane()
{
    byte n;

    do
    :: n == REQUESTS -> break
    :: n < REQUESTS ->
       atomic {
           n++;
           if
           :: !want ->
              want = true;
              if
              :: st == DEAD ->
                 assert(!mark && !peer && !ready);
                 st = ABSENT; put_gen = 0; pgen = 0
              :: else
              fi
           :: want -> out = !out
           :: want -> want = false
           fi;
           gen++;
           set_ready()
       }
    od;
    lane_done = true
}

inline renew(lost, gone)
{
    a_gen++;
    if :: lost -> lost_gen = a_gen :: else fi;
    if :: gone -> gone_gen = a_gen; unsure = false :: else fi
}

/* dp_offload_port_flush(), all attempts of it. */
inline flush()
{
    atomic {
        if
        :: budget > 0 ->
           budget--;
#ifdef BUG_FLUSH_IGNORED
           renew(true, true);
#else
           unsure = true;
           renew(true, false);
#endif
           if
           :: true              /* They stay. */
           :: nic = 0
           fi
        :: true -> nic = 0; renew(true, true)
        fi
    }
}

inline tell()
{
    replan = replan || depends;
    if
    :: st != DEAD -> set_ready()
    :: else
    fi
}

inline close_door()
{
    atomic { a = PAUSED; tell() };
    calls == 0
}

proctype Main()
{
    byte n;

    do
    :: n == EVENTS -> break
    :: n < EVENTS ->
       n++;
       if
       :: true ->               /* Restart. */
          close_door();
          flush();
          if
          :: unsure -> flush()
          :: !unsure -> atomic { renew(true, true) }
          fi;
          atomic { a = RUNNING; tell() }

       :: true ->               /* B goes, and comes again. */
          atomic { b = false; tell() };
          peers == 0;
          assert(!(nic > 0 && nic_out) || given_up);
          atomic {
              b = true;
#ifndef BUG_NO_ARRIVAL
              tell()
#endif
          }

       :: true ->               /* B is able to more, or to less. */
          atomic { able = !able; changes++ };
          atomic {
              if
              :: depends -> replan = true; set_ready()
              :: else
              fi
          }

       :: true ->               /* Other workers. */
          atomic { stopped[0] = true; stopped[1] = true };
#ifndef BUG_HAND_OVER
          !inside[0] && !inside[1];
#endif
          atomic {
              owner = 1 - owner;
              if
              :: ready -> where = owner
              :: else
              fi;
              stopped[0] = false; stopped[1] = false
          }
       fi
    od;
    if
    :: true
    :: true ->                  /* A goes. */
       close_door();
       flush();
       atomic { a = STOPPING; tell() };
       calls == 0 && !IN(st) && st != UNSURE && st != PUTTING;
       atomic { a = GONE; tell() }
    fi;
    main_done = true
}

proctype Cleaner()
{
    do
    :: atomic {
           unsure && (a == RUNNING || a == CLEANING) ->
           a = CLEANING
       };
       if
       :: atomic { a == CLEANING && calls == 0 -> calls++ };
          flush();
          atomic {
              if
              :: a == CLEANING -> a = RUNNING
              :: else
              fi;
              calls--;
              tell()
          }
       :: a != CLEANING         /* Main was faster. */
       fi
    :: atomic { a == GONE && unsure -> unsure = false }
    :: atomic { IDLE && !inside[0] && !inside[1] -> break }
    od
}

init
{
    atomic {
        run Worker(0);
        run Worker(1);
        run Lane();
        run Main();
        run Cleaner()
    };
    _nr_pr == 1;
    if
    :: a == GONE -> assert((nic == 0 || lost) && !mark)
    :: else ->
       assert(nic == want);
       assert(!want || (whole == (out && able) && nic_out == whole));
       assert(mark == (want && !whole));
       assert(want || st == DEAD)
    fi;
    assert(peers == (peer -> 1 : 0))
}
