/* SPDX-License-Identifier: Apache-2.0
 *
 * merged.pml: the life of a merged rule, and what it owes
 * =======================================================
 *
 * One megaflow, one connection, one lane, and one rule at a time that the
 * keeper of the books builds on both.  The lane runs packets, by the rule if it
 * finds it living, else by the megaflow.  A changer gives the megaflow new
 * actions, and removes it in the end.  A hook changes the connection, as
 * packets do, under its lock.  The keeper's passes take dead rules out.
 *
 * Correspondence.  States and LEGAL: dp-books-life.c.  kill, go:
 * dp-books-entry.c.  Keeper: dp_books_offer(), dp_books_age().  Changer:
 * dp_books_flow_changed(), dp_books_settle_flow(), as dp_lane_remove() and
 * whoever wants last counts call them.  Hook: dp-books-watch.c, ct-tell.c.  The
 * fences that pair are not modelled: what is stored is seen at once.  'queued'
 * is the queue of the dead.
 *
 * Checked.  Only legal edges.  A packet that begins after a change was
 * acknowledged does not use a rule that was built before.  When the megaflow
 * has gone, it tells of all packets that went through it, once each.  In the
 * end nothing is linked or armed, and all is booked.  No deadlock.
 *
 * Seeded bugs.  As in the other models: -DBUG_..., see run-models. */

#ifndef BUILDS
#define BUILDS 2
#endif
#ifndef PACKETS
#define PACKETS 2
#endif
#ifndef CHANGES
#define CHANGES 1               /* Of each kind; and the removal. */
#endif

#define BUILDING 0
#define LIVE 1
#define DEAD 2
#define PARTING 3
#define GONE 4

#define LEGAL(s, d) \
    ((s == BUILDING && (d == LIVE || d == DEAD)) \
     || (s == LIVE && d == DEAD) \
     || (s == DEAD && d == PARTING) \
     || (s == PARTING && d == GONE))

/* The megaflow and the connection: how often they were changed, and how often
 * that was acknowledged. */
byte gen, gen_acked, mark, mark_acked;
bool removed;
bool armed, conn_locked;

/* The rule. */
byte life = GONE;
bool linked, has_flow, dead, in_table;
bool queued;
byte r_gen, r_mark;             /* Ghosts: what it was built on. */

/* Packets: counted by the lane on the rule, and on the megaflow; booked from
 * the rule; credited to the megaflow.  'truth' is a ghost. */
byte counted, booked, own, credit, truth;

bool mutex;
byte turn;                      /* Odd: the lane is at work. */
bool hook_busy, changer_busy;   /* May know of the rule. */
byte n_ended;

inline lock()
{
    atomic { !mutex -> mutex = true }
}

inline unlock()
{
    mutex = false
}

inline move(s, d)
{
    assert(LEGAL(s, d));
    life = d
}

inline kill(seen, born)
{
    do
    :: seen = life;
#ifndef BUG_DEAD_LAST
        if
        :: has_flow -> dead = true
        :: else
        fi;
#endif
        if
        :: seen >= DEAD -> break
        :: else
        fi;
        atomic {
            if
            :: life == seen ->
                born = (seen == LIVE);
                move(seen, DEAD);
                seen = GONE
            :: else
            fi
        };
        if
        :: seen == GONE ->
#ifdef BUG_DEAD_LAST
            if
            :: has_flow -> dead = true
            :: else
            fi;
#endif
            if
#ifdef BUG_QUEUES_UNBORN
            :: true -> queued = true
#else
            :: born -> queued = true
            :: else
#endif
            fi;
            break
        :: else
        fi
    od
}

/* Under the mutex. */
inline account(n)
{
    n = counted;
    if
    :: linked -> credit = credit + n - booked
    :: else
    fi;
    booked = n
}

inline wait_for_lane(t)
{
    t = turn;
    turn % 2 == 0 || turn != t
}

/* Under the mutex. */
inline unlink()
{
    atomic { conn_locked == false -> conn_locked = true };
    armed = false;
    conn_locked = false;
    linked = false
}

inline reap(n)
{
    lock();
    in_table = false;
    move(DEAD, PARTING);
#ifdef BUG_UNLINK_EARLY
    unlink();
#endif
    unlock();
#ifndef BUG_NO_WAIT
    wait_for_lane(n);
#endif
    lock();
    account(n);
    assert(linked || n == booked);
    move(PARTING, GONE);
#ifndef BUG_UNLINK_EARLY
    unlink();
#endif
    unlock()
}

proctype Keeper()
{
    byte i, seen, my_gen, my_mark;
    bool ok, born;

    do
    :: i < BUILDS ->
        i++;

        /* The trace. */
        atomic { my_gen = gen; ok = !removed };
        if
        :: ok ->
            lock();

            /* A new entry: nobody has the old one any more. */
            atomic {
                !hook_busy && !changer_busy ->
                assert(!queued);
                life = BUILDING; has_flow = false; dead = false;
                counted = 0; booked = 0
            };
#ifndef BUG_LINKS_LATE
            linked = true;
#endif
            atomic { !conn_locked -> conn_locked = true };
            armed = true;
            conn_locked = false;
            my_mark = mark;
#ifdef BUG_LINKS_LATE
            linked = true;
#endif
            atomic { has_flow = true; r_gen = my_gen; r_mark = my_mark };
#ifdef BUG_INSERTS_FIRST
            in_table = true;
#endif
#ifndef BUG_NO_VERIFY
            ok = (gen == my_gen && !removed);
#endif
            if
            :: ok ->
                atomic {
                    if
                    :: life == BUILDING -> move(BUILDING, LIVE)
                    :: else -> ok = false
                    fi
                }
            :: else
            fi;
            if
            :: ok -> in_table = true
            :: else -> kill(seen, born)
            fi;
            unlock();

            if
            :: ok ->
                /* A pass; another one when the rule has died. */
                if
                :: lock(); account(seen); unlock()
                :: true
                fi;
                if
                :: lock(); kill(seen, born); unlock()       /* It is idle. */
                :: true
                fi;
                atomic { queued -> queued = false }
            :: else                     /* Is nobody else's. */
            fi;
            reap(seen)
        :: else
        fi
    :: else -> break
    od;
    n_ended++
}

proctype Lane()
{
    byte i, saw_gen, saw_mark;
    bool by_rule, by_flow;

    do
    :: i < PACKETS ->
        i++;
        turn++;
        atomic { saw_gen = gen_acked; saw_mark = mark_acked };
        by_rule = in_table;
        by_flow = false;
        atomic {
            if
            :: by_rule && !dead ->
                assert(r_gen >= saw_gen && r_mark >= saw_mark);
                truth++
            :: by_rule && dead -> by_rule = false
            :: else
            fi
        };
        atomic {
            if
            :: !by_rule && !removed -> by_flow = true; truth++
            :: else
            fi
        };
        if
        :: by_rule -> counted++
        :: by_flow -> own++
        :: else                 /* Another megaflow. */
        fi;
        turn++
    :: else -> break
    od;
    n_ended++
}

proctype Changer()
{
    byte i, seen, n;
    bool born;

    do
    :: i <= CHANGES ->
        i++;
        atomic {
            gen++;
            if
            :: i > CHANGES -> removed = true
            :: else
            fi
        };
        lock();
        changer_busy = true;
        if
        :: linked -> kill(seen, born)
        :: else
        fi;
        changer_busy = false;
        unlock();
        gen_acked = gen
    :: else -> break
    od;

    /* Last counts. */
#ifndef BUG_SETTLES_EARLY
    wait_for_lane(n);
#endif
    lock();
#ifndef BUG_NO_SETTLE
    account(n);
#endif
    unlock();
    assert(own + credit == truth);
    n_ended++
}

proctype Hook()
{
    byte i, seen;
    bool born;

    do
    :: i < CHANGES ->
        i++;
        atomic { !conn_locked -> conn_locked = true };
        hook_busy = true;
#ifdef BUG_TELLS_AFTER
        mark++;
        mark_acked = mark;
#endif
        if
        :: armed ->
            if
            :: linked -> kill(seen, born)
            :: else
            fi;
            armed = false
        :: else
        fi;
#ifndef BUG_TELLS_AFTER
        mark++;
#endif
        hook_busy = false;
        conn_locked = false;
        mark_acked = mark
    :: else -> break
    od;
    n_ended++
}

proctype Judge()
{
    n_ended == 4;
    assert(life == GONE && !linked && !armed && !in_table);
    assert(own + credit == truth && counted == booked);
    assert(!mutex && !conn_locked && !queued)
}

init {
    atomic {
        run Keeper();
        run Lane();
        run Changer();
        run Hook();
        run Judge()
    }
}
