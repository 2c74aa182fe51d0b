/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.pml: what is built on a connection is gone before it changes
 * ==================================================================
 *
 * One place of the slab, where connections come and go, and one rule that a
 * listener builds on whoever is there.  A builder finds the connection, is
 * quiescent, and builds by the handle that it has kept.  Users look at the rule
 * and at the connection, without a lock.  Packets change the mark, refresh, or
 * kill; time expires the connection, and a sweeper kills it then.  A holder
 * takes a reference by an old handle.  A cleaner gives the place back after a
 * grace period, and another connection comes.
 *
 * Correspondence.  find, get: ct-handle.c.  arm: ct-watch.c.  tell: ct-tell.c.
 * kill: ct_kill() and ct_conn_move(): life and the bit "armed" are one word, so
 * what looks at both is one step.  Cleaner: ct-clean.c.  'uid' is a ghost: it
 * tells one connection from the next.
 *
 * Checked.  Who sees the same living rule before and after he has looked at the
 * connection has seen the connection that the rule is of, visible and with the
 * rule's mark.  Who has a reference has the connection that he asked for, until
 * he lets go.  A dead connection is not armed.  In the end no rule lives on a
 * dead connection.  No deadlock.
 *
 * All threads at once are too many: -DNO_... leaves one out.
 *
 * Seeded bugs.  As in the other models: -DBUG_..., see run-models. */

#ifndef BIRTHS
#define BIRTHS 2
#endif
#ifndef CHANGES
#define CHANGES 1               /* Of the packets. */
#endif
#ifndef BUILDS
#define BUILDS 2
#endif

#define FREE 0
#define EMBRYO 1
#define LIVE 2
#define DEAD 3

#define GONE 0                  /* Of a rule. */
#define BUILDING 1
#define BUILT 2

#define BUILDER 0
#define USER 1
#define PACKETS 2
#define HOLDER 3
#define SWEEPER 4
#define THREADS 5

/* The connection. */
byte life, gen, uid, refs, tag;
bool armed, expired, mark, locked;
byte births;

/* The rule.  'r_uid' is a ghost. */
byte r_state, r_build, r_gen, r_uid;
bool r_mark;

/* Who is between two quiescent states, and who the cleaner waits for. */
bool busy[THREADS], waits[THREADS];
byte n_ended;

#ifdef BUG_EXPIRES_ARMED
#define VISIBLE (life == LIVE && !expired)
#else
#define VISIBLE (life == LIVE && (!expired || armed))
#endif

inline enter(me)
{
    busy[me] = true
}

inline quiesce(me)
{
    atomic { busy[me] = false; waits[me] = false }
}

inline take_lock()
{
    atomic { !locked -> locked = true }
}

/* The listener's hook, and what comes after it.  Under the lock. */
inline tell()
{
#ifdef BUG_CLEAR_EARLY
    armed = false;
#endif
    atomic {
        if
        :: r_build == tag -> r_state = GONE
        :: else
        fi
    };
#ifndef BUG_CLEAR_EARLY
    armed = false
#endif
}

inline kill()
{
    do
#ifdef BUG_DIES_ARMED
    :: atomic { life == LIVE -> life = DEAD; armed = false; break }
#else
    :: atomic { life == LIVE && !armed -> life = DEAD; break }
#endif
    :: atomic { life != LIVE -> break }
#ifndef BUG_DIES_ARMED
    :: armed ->
        take_lock();
        if
        :: armed -> tell()
        :: else
        fi;
        locked = false
#endif
    od
}

/* Is the connection that of generation 'want'? */
inline find(want, found)
{
#ifdef BUG_GENERATION_FIRST
    found = (gen == want);
    found = found && (life == LIVE)
#else
    found = (life == LIVE);
    found = found && (gen == want)
#endif
}

proctype Builder()
{
    byte my_gen = 255, my_uid, i;       /* A handle of nobody. */
    bool found, my_mark;

    do
    :: i < BUILDS ->
        i++;
        enter(BUILDER);
        if
        :: atomic { VISIBLE -> my_gen = gen; my_uid = uid }
        :: true                 /* The handle of before. */
        fi;
        quiesce(BUILDER);

        enter(BUILDER);
        atomic {
            if
            :: r_state == GONE -> r_state = BUILDING; r_build = i
            :: else -> goto next
            fi
        };
#ifdef BUG_VIEW_FIRST
        my_mark = mark;
#endif
        find(my_gen, found);
        if
        :: found ->
#ifndef BUG_ARMS_UNLOCKED
            take_lock();
#endif
            found = VISIBLE;
            atomic {
                if
                :: found && life == LIVE -> armed = true; tag = i
                :: else -> found = false
                fi
            };
#ifndef BUG_ARMS_UNLOCKED
            locked = false
#endif
        :: else
        fi;
        if
        :: found ->
            assert(uid == my_uid);      /* Nobody else's. */
            take_lock();
#ifndef BUG_VIEW_FIRST
            my_mark = mark;
#endif
            found = (life == LIVE);
            locked = false
        :: else
        fi;
        atomic {
            if
            :: r_state == BUILDING && found ->
                r_state = BUILT;
                r_gen = my_gen;
                r_uid = my_uid;
                r_mark = my_mark
            :: r_state == BUILDING && !found -> r_state = GONE
            :: else
            fi
        };
next:
        quiesce(BUILDER)
    :: else -> break
    od;
    n_ended++
}

/* Looks at the rule, at the connection, and at the rule again. */
proctype User()
{
    byte build, my_gen;
    bool found, seen_mark, visible, old;

    enter(USER);
    if
    :: atomic { r_state == BUILT -> build = r_build; my_gen = r_gen };
        find(my_gen, found);
        seen_mark = mark;
        old = expired;          /* Read before life and bit are. */
        visible = (life == LIVE && (!old
#ifndef BUG_EXPIRES_ARMED
                                    || armed
#endif
                                    ));
        atomic {
            if
            :: r_state == BUILT && r_build == build ->
                assert(found && visible && seen_mark == r_mark);
                assert(uid == r_uid)
            :: else
            fi
        }
    :: true
    fi;
    quiesce(USER);
    n_ended++
}

proctype Packets()
{
    byte i;

    do
    :: i < CHANGES ->
        i++;
        enter(PACKETS);
        if
        :: VISIBLE ->
            if
            :: expired = false
            :: kill()
            :: take_lock();
#ifdef BUG_TELLS_AFTER
                mark = !mark;
#endif
                if
                :: armed -> tell()
                :: else
                fi;
#ifndef BUG_TELLS_AFTER
                mark = !mark;
#endif
                locked = false
            fi
        :: true
        fi;
        quiesce(PACKETS)
    :: else -> break
    od;
    n_ended++
}

/* Takes a reference by a handle that it got some time ago. */
proctype Holder()
{
    byte my_gen, my_uid;
    bool found;

    enter(HOLDER);
    if
    :: atomic { VISIBLE -> my_gen = gen; my_uid = uid };
        quiesce(HOLDER);
        enter(HOLDER);
#ifdef BUG_HOLDS_LATE
        find(my_gen, found);
        quiesce(HOLDER);
        enter(HOLDER);
        refs++;
#else
        refs++;
        find(my_gen, found);
#endif
        quiesce(HOLDER);
        assert(!found || (uid == my_uid && gen == my_gen));
        refs--
    :: true
    fi;
    quiesce(HOLDER);
    n_ended++
}

proctype Sweeper()
{
    bool goes;

    enter(SWEEPER);
    if
    :: atomic { life == LIVE -> expired = true };
        if
        :: life == LIVE && expired ->
            goes = true;
            if
            :: armed ->
                take_lock();
                if
                :: armed && !expired -> goes = false
                :: armed && expired -> goes = false     /* It is wanted. */
                :: armed && expired -> tell()
                :: else
                fi;
                locked = false
            :: else
            fi;
            if
            :: goes -> kill()
            :: else
            fi
        :: else
        fi
    :: true
    fi;
    quiesce(SWEEPER);
    n_ended++
}

proctype Cleaner()
{
    byte i;

    do
    :: life == DEAD ->
        assert(!armed);
        atomic {
            for (i : 0 .. THREADS - 1) {
                waits[i] = busy[i]
            }
        };
        for (i : 0 .. THREADS - 1) {
            !waits[i]
        };
        if
        :: refs == 0 ->
            gen++;
            life = FREE
        :: else
        fi
    :: life == FREE && births < BIRTHS ->
        births++;
        life = EMBRYO;
        atomic { uid++; mark = false; expired = false };
        life = LIVE
    :: (n_ended == THREADS
        && (life == LIVE || (life == FREE && births == BIRTHS))) ->
        break
    od;

    /* All is quiet. */
    assert(refs == 0 && !locked);
    assert(r_state != BUILDING);
    assert(r_state != BUILT || (life == LIVE && armed && uid == r_uid
                                && mark == r_mark))
}

init {
    atomic {
        run Builder();
#ifdef NO_USER
        n_ended++;
#else
        run User();
#endif
#ifdef NO_PACKETS
        n_ended++;
#else
        run Packets();
#endif
#ifdef NO_HOLDER
        n_ended++;
#else
        run Holder();
#endif
#ifdef NO_SWEEPER
        n_ended++;
#else
        run Sweeper();
#endif
        run Cleaner()
    }
}
