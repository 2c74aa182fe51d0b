/* SPDX-License-Identifier: Apache-2.0
 *
 * ukey.pml: the life of the ukeys of one datapath flow
 * ====================================================
 *
 * One flow identity (UFID and lane), its slot in the map, a datapath that may
 * have the flow, and whoever touches them: senders (a lane, or handlers), two
 * revalidators with barriers, of which the first also sweeps, and main, which
 * purges.  Packets are counted, so that a packet that is attributed twice or
 * never shows.
 *
 * Correspondence.  states and LEGAL: ukey.c, ukey_edges[].  install, reap:
 * ukey-map.c.  miss: upcall.c.  dump_flow: revalidator.c.  push: dp-ops.c.
 * sweep: sweep.c.  Memory is given back when a retired ukey is held by nobody,
 * which is what RCU promises at least.
 *
 * Disturbances (refused puts, lost puts, failing deletions and modifications,
 * evictions, dumps that miss the flow) come from budgets, so that they end;
 * then the senders must get through: they send until PKTS packets each took
 * the fast path.
 *
 * Checked.  Assertions: only legal edges; nothing freed twice; nothing used
 * after it was freed; at the end no ukey is lost and each packet was counted
 * once.  No deadlock (invalid end state).  And no ukey without a flow stands
 * in the way for long: the rounds in which misses found one, and the flow did
 * not come, are counted, and there are few.  This takes it for granted
 * (-DTIMELY) that a flow is put sooner than SWEEP_VISIBLE_GRACE_MS; the others
 * hold for any timing.
 *
 * Seeded bugs.  Each is switched on by -DBUG_..., and must make a check fail;
 * run-models knows which ones there are. */

#ifndef PKTS
#define PKTS 2
#endif
#ifndef SENDERS
#define SENDERS 1
#endif
#ifndef BUDGET
#define BUDGET 2                /* Disturbances of any kind. */
#endif
#ifndef NREV
#define NREV 2                  /* Revalidators: 1 or 2. */
#endif
#ifndef NPURGE
#define NPURGE 1
#endif

#define NOBJ 3
#define NONE 255
#define MAX_MISSED 2

/* Each disturbance may cost as many rounds as a flow may miss dumps, and the
 * one in which its ukey goes. */
#define MAX_SLOW_ROUNDS ((MAX_MISSED + 1) * (BUDGET + 1) + 1)

#define CREATED 0
#define VISIBLE 1
#define OPERATIONAL 2
#define INCONSISTENT 3
#define EVICTING 4
#define EVICTED 5
#define DELETED 6
#define FREE 7

#define LEGAL(s, d) \
    ((s == CREATED && (d == VISIBLE || d == DELETED)) \
     || (s == VISIBLE && (d == OPERATIONAL || d == EVICTING \
                          || d == EVICTED)) \
     || (s == OPERATIONAL && (d == INCONSISTENT || d == EVICTING)) \
     || (s == INCONSISTENT && d == EVICTING) \
     || (s == EVICTING && (d == EVICTED || d == INCONSISTENT)) \
     || (s == EVICTED && d == DELETED))

#define LIVE(s) (s >= VISIBLE && s <= INCONSISTENT)

/* Ukeys. */
byte st[NOBJ] = FREE;
byte held[NOBJ];                /* By threads that have not quiesced. */
bool lk[NOBJ];                  /* Mutex. */
byte base[NOBJ];                /* Packets already attributed. */
bool seen[NOBJ];                /* By the dump of this round. */
byte missed[NOBJ];              /* Dumps in a row. */
bool retired[NOBJ];
bool inflight[NOBJ];            /* Its flow is being put. */

/* The map's slot. */
byte map = NONE;
bool slot;

/* Datapath. */
bool dp;
byte cnt;                       /* Packets of the flow. */

/* Books. */
byte fast;                      /* Packets that took the fast path. */
byte booked;                    /* Packets attributed. */
byte budget = BUDGET;
byte senders_left = SENDERS;
bool main_done;
bool slow;                      /* A miss found a live ukey in the way. */
byte slow_rounds;               /* Rounds in a row with such misses. */

/* Revalidators. */
byte arrived;
bool gen;                       /* Toggles when a barrier opens. */
bool pause_wanted, pausing, leave;
byte parked;                    /* Revalidators that wait for main. */
bool resume;                    /* Toggles when they may go on. */

inline use(o) { assert(st[o] != FREE) }

inline go(o, d)
{
    use(o);
    assert(LEGAL(st[o], d));
    st[o] = d
}

/* Gives memory back if nobody can see it any more. */
inline reclaim(o)
{
    if
    :: retired[o] && held[o] == 0 ->
       retired[o] = false; st[o] = FREE; base[o] = 0; seen[o] = false;
       missed[o] = 0
    :: else
    fi
}

inline retire(o)
{
    assert(!retired[o]);        /* Freed twice? */
#ifndef BUG_STALE_REAP
    go(o, DELETED);
#else
    st[o] = DELETED;
#endif
    retired[o] = true;
#ifdef BUG_NO_RCU
    retired[o] = false; st[o] = FREE; base[o] = 0; seen[o] = false;
    missed[o] = 0
#endif
}

inline hold(o) { held[o]++ }

/* The thread quiesces, or forgets the pointer. */
inline drop(o)
{
    atomic { held[o]--; reclaim(o) }
}

inline alloc(o)
{
    atomic {
        if
        :: st[0] == FREE -> o = 0
        :: st[0] != FREE && st[1] == FREE -> o = 1
        :: st[0] != FREE && st[1] != FREE && st[2] == FREE -> o = 2
        /* Else: wait.  For ever, if ukeys leak. */
        fi;
        st[o] = CREATED; base[o] = 0; seen[o] = false; missed[o] = 0;
        hold(o)
    }
}

inline discard(o)
{
    atomic {
        go(o, DELETED);
        retired[o] = true;
        held[o]--;
        reclaim(o)
    }
}

/* ukey_map_install().  Under the slot's mutex nothing is waited for, so it is
 * one step for the others: they either wait for the slot, or try the lock of a
 * ukey that it has for the whole of the step. */
inline install(o, old, ok)
{
    atomic {
        !slot;
        ok = false;
        if
        :: map == NONE ->
           map = o; go(o, VISIBLE); ok = true; inflight[o] = true
        :: else ->
           old = map;
           use(old);
           if
           :: lk[old] -> slow = true    /* Busy. */
#ifndef BUG_NO_REPLACE
           :: !lk[old] && st[old] == EVICTED ->
#ifndef BUG_NO_INHERIT
              seen[o] = seen[old];
#endif
              map = o;
              retire(old);
              reclaim(old);
              go(o, VISIBLE);
              ok = true; inflight[o] = true
#endif
           :: else -> slow = true       /* Duplicate. */
           fi;
           old = 0
        fi
    }
}

/* ukey_map_reap().  The caller holds 'o'. */
inline reap(o)
{
    atomic {
        !slot;
        if
        :: lk[o] -> skip
#ifdef BUG_STALE_REAP
        :: !lk[o] ->                    /* It was EVICTED when we looked. */
#else
        :: !lk[o] && st[o] == EVICTED ->
#endif
           use(o);
           if :: map == o -> map = NONE :: else fi;
           retire(o);
           reclaim(o)
        :: else
        fi;
        slot = false
    }
}

/* A flow that is missing: in a lane, or a handler. */
inline miss(o, old, ok)
{
    alloc(o);
    install(o, old, ok);
    if
    :: !ok -> discard(o)
    :: ok ->
       if
       :: budget > 0 ->         /* The lane fails and tells nobody. */
          atomic { budget--; inflight[o] = false };
          drop(o)
       :: budget > 0 ->         /* A handler learns that it was refused. */
          budget--;
          atomic {
              !lk[o];
              use(o);
              inflight[o] = false;
              if
              :: st[o] == VISIBLE -> go(o, EVICTED)
              :: else
              fi
          };
          drop(o)
       :: true ->
          atomic {
              ok = !dp; inflight[o] = false;
              if :: !dp -> dp = true; cnt = 0 :: else fi
          };
          if
          :: true -> drop(o)    /* Lane. */
          :: true ->            /* Handler. */
             atomic {
                 !lk[o];
                 use(o);
#ifdef BUG_FORCE_OPERATIONAL
                 go(o, OPERATIONAL);
#else
                 if
                 :: st[o] == VISIBLE && ok -> go(o, OPERATIONAL)
                 :: st[o] == VISIBLE && !ok -> go(o, EVICTED)
                 :: else
                 fi
#endif
             };
             drop(o)
       fi
    fi
    fi
}

proctype Sender()
{
    byte n, o, old;
    bool ok;

    do
    :: n == PKTS -> break
    :: n < PKTS ->
       if
       :: atomic { dp -> cnt++; fast++; n++ };
          skip
       :: !dp -> miss(o, old, ok)
       fi
    od;
    atomic { o = 0; old = 0; ok = false; senders_left-- }
}

inline barrier(g)
{
    atomic {
        g = gen;
        arrived++;
        if
        :: arrived == NREV -> arrived = 0; gen = !gen
        :: else
        fi
    };
    gen != g
}

/* Deletes the flow of 'o', which is EVICTING, and moves it on. */
inline push_delete(o, err, n)
{
    atomic {
        err = false; n = 0;
        if
        :: !dp -> n = NONE                      /* ENOENT. */
        :: dp -> n = cnt; dp = false; cnt = 0
        :: dp && budget > 0 -> budget--; err = true
        fi
    };
    atomic {
        !lk[o];
        use(o);
        if
        :: err ->
#ifdef BUG_ERROR_EVICTS
           go(o, EVICTED)
#else
           go(o, INCONSISTENT)
#endif
        :: !err && n == NONE -> go(o, EVICTED)
        :: !err && n != NONE ->
           assert(n >= base[o]);
           booked = booked + n - base[o];
           base[o] = n;
           go(o, EVICTED)
        fi;
        n = 0; err = false
    }
}

/* This revalidator sees the flow with 'n' packets. */
inline dump_flow(o, old, ok, n, m, err)
{
    atomic {
        o = map;
        if :: o != NONE -> hold(o) :: else fi
    };
    if
    :: o == NONE ->             /* Adopt it, unless it has gone. */
       if
       :: dp ->
          alloc(o);
          install(o, old, ok);
          if :: !ok -> discard(o); o = NONE :: ok -> inflight[o] = false fi
       :: !dp -> o = NONE
       fi
    :: else
    fi;
    if
    :: o == NONE -> skip
    :: o != NONE ->
       atomic {
           use(o);
           ok = false;
           if
           :: lk[o] -> skip                     /* Busy. */
           :: !lk[o] && (st[o] >= EVICTING || seen[o]) -> skip
           :: else ->
              lk[o] = true; ok = true;
              seen[o] = true; missed[o] = 0;
              if
              :: st[o] == VISIBLE -> go(o, OPERATIONAL)
              :: else
              fi
           fi
       };
       if
       :: !ok -> skip
       :: ok ->
          /* Translation takes time. */
          atomic {
              use(o);
              ok = false;
              if
              :: st[o] == INCONSISTENT -> go(o, EVICTING); ok = true
              :: st[o] == OPERATIONAL ->                /* Keep. */
                 if
                 :: n >= base[o] -> booked = booked + n - base[o]
                 :: else
                 fi;
                 base[o] = n
              :: st[o] == OPERATIONAL && budget > 0 ->
                 budget--; go(o, EVICTING); ok = true
              :: st[o] == OPERATIONAL && budget > 0 ->  /* Modify fails. */
                 budget--; go(o, INCONSISTENT)
              fi;
              lk[o] = false
          };
          if :: ok -> push_delete(o, err, m) :: !ok fi
       fi;
       drop(o)
    fi
}

inline sweep(o, ok, m, err, stale)
{
    atomic {
        o = map;
        if :: o != NONE -> hold(o) :: else fi
    };
    if
    :: o == NONE -> skip
    :: o != NONE ->
       if
       :: lk[o] -> skip
       :: else ->
          atomic {
              ok = false; stale = false;
              use(o);
              if
              :: lk[o] -> skip
#ifdef BUG_NO_REAP
              :: st[o] == EVICTED -> skip
#else
              :: st[o] == EVICTED -> stale = true
#endif
              :: st[o] == INCONSISTENT -> ok = true
              :: (st[o] == VISIBLE || st[o] == OPERATIONAL) && seen[o] ->
                 missed[o] = 0
#ifdef BUG_VISIBLE_STAYS
              :: st[o] == OPERATIONAL && !seen[o] ->
#else
              :: (st[o] == VISIBLE || st[o] == OPERATIONAL) && !seen[o] ->
#endif
                 missed[o]++;
                 if
#ifdef TIMELY
                 :: missed[o] >= MAX_MISSED && inflight[o] -> missed[o]--
                 :: missed[o] >= MAX_MISSED && !inflight[o] -> ok = true
#else
                 :: missed[o] >= MAX_MISSED -> ok = true
#endif
                 :: else ->
#ifdef BUG_ZERO_STATS
                    if :: st[o] == OPERATIONAL -> base[o] = 0 :: else fi
#else
                    skip
#endif
                 fi
              :: else
              fi;
              if :: ok -> go(o, EVICTING) :: !ok fi
          };
          if :: ok -> push_delete(o, err, m); reap(o) :: !ok fi;
          if :: stale -> reap(o) :: !stale fi
       fi;
       drop(o)
    fi
}

proctype Revalidator(bool leads)
{
    byte o, old, n, m;
    bool ok, err, has, g, stale;

    do
    :: if
       :: leads ->
          atomic {
              leave = senders_left == 0 && main_done;
              pausing = pause_wanted && !leave;
#ifdef TIMELY
              if
              :: slow && !dp -> slow_rounds++
              :: else -> slow_rounds = 0
              fi;
              assert(slow_rounds <= MAX_SLOW_ROUNDS);
#endif
              slow = false;
              seen[0] = false; seen[1] = false; seen[2] = false
          }
       :: !leads
       fi;
       barrier(g);
       if
       :: leave -> break
       :: !leave && pausing ->
          atomic { g = resume; parked++ };
          resume != g
       :: !leave && !pausing ->
          /* What this thread gets from the dump: the flow as it is now, which
           * it may look at much later; or nothing. */
          atomic {
              has = dp; n = cnt;
              if
              :: has && budget > 0 -> budget--; has = false
              :: true
              fi
          };
          if
          :: has -> dump_flow(o, old, ok, n, m, err)
          :: !has
          fi;
          atomic { n = 0; has = false };
          barrier(g);
          if :: leads -> sweep(o, ok, m, err, stale) :: !leads fi;
          atomic { o = 0; old = 0; ok = false; stale = false };
          barrier(g)
       fi
    od
}

proctype Main()
{
    byte o, m, i;
    bool err, ok;

    do
    :: i == NPURGE -> break
    :: i < NPURGE ->
#ifdef BUG_PURGE_RACES
       skip;
#else
       pause_wanted = true;
       parked == NREV;
#endif
       atomic {
           o = map;
           if :: o != NONE -> hold(o) :: else fi
       };
       if
       :: o == NONE -> skip
       :: o != NONE ->
          atomic {
              !lk[o];
              use(o);
              ok = false;
#ifdef BUG_PURGE_RACES
              go(o, EVICTING); ok = true;       /* Without a look at it. */
#else
              if :: LIVE(st[o]) -> go(o, EVICTING); ok = true :: else fi
#endif
          };
          if :: ok -> push_delete(o, err, m) :: !ok fi;
          reap(o);
          drop(o)
       fi;
       atomic {
#ifndef BUG_PURGE_RACES
           pause_wanted = false; parked = 0; resume = !resume;
#endif
           o = 0; ok = false; i++
       }
    od;
    main_done = true
}

init
{
    byte i;
    byte unbooked;

    atomic {
        for (i : 1 .. SENDERS) { run Sender() }
        run Revalidator(true);
        if :: NREV > 1 -> run Revalidator(false) :: else fi;
        run Main()
    };
    _nr_pr == 1;

    /* Nobody runs any more: the books have to be right. */
    if
    :: dp && map != NONE && st[map] < EVICTED -> unbooked = cnt - base[map]
    :: dp && (map == NONE || st[map] >= EVICTED) -> unbooked = cnt
    :: !dp -> unbooked = 0
    fi;
    assert(booked + unbooked == fast);
    for (i : 0 .. NOBJ - 1) {
        assert(held[i] == 0 && !lk[i]);
        assert(st[i] == FREE || map == i)
    };
    assert(map == NONE || (st[map] >= VISIBLE && st[map] <= EVICTED))
}
