/* SPDX-License-Identifier: Apache-2.0
 *
 * conn.pml: the life of connections of one tuple
 * ==============================================
 *
 * Two slots of the slab, one bucket of the table, and lanes whose packets all
 * have the same tuple: each looks it up, commits a connection if there is none,
 * and may refresh it, kill it, or take a handle that it keeps beyond its next
 * quiescent state, with a reference or without.  Time lets connections expire.
 * A sweeper kills those; a cleaner takes the dead, waits for a grace period,
 * and gives the slots back.
 *
 * Correspondence.  LEGAL: ct-conn.c.  look, commit, kill: ct-table.c and ct.c.
 * Cleaner: ct-clean.c, start_reaping() and reap_cb(); the grace period is every
 * lane's next quiescent state.  What happens under a bucket's lock is not one
 * step.  'uid' is a ghost: it tells one connection of a slot from the next.
 *
 * Checked.  Assertions: only legal edges.  A tuple never has two live
 * connections.  What a lane has found stays that connection until it is
 * quiescent, and what it holds until it lets go.  A handle without a reference
 * that seems valid is of the connection that it was made for.  In the end the
 * count is that of the live, and nothing else has an entry.  No deadlock.
 *
 * Seeded bugs.  Each is switched on by -DBUG_..., and must make a check fail;
 * run-models knows which ones there are. */

#ifndef LANES
#define LANES 2
#endif
#ifndef PACKETS
#define PACKETS 2               /* Of each lane. */
#endif
#ifndef TICKS
#define TICKS 1                 /* Times that a connection expires. */
#endif

#define NSLOT 2
#define NONE 255

#define FREE 0
#define EMBRYO 1
#define LIVE 2
#define DEAD 3

#define LEGAL(s, d) \
    ((s == FREE && d == EMBRYO) \
     || (s == EMBRYO && (d == LIVE || d == FREE)) \
     || (s == LIVE && d == DEAD) \
     || (s == DEAD && d == FREE))

byte life[NSLOT];
byte gen[NSLOT];
byte refs[NSLOT];
byte uid[NSLOT];
bool entry[NSLOT];              /* In the bucket. */
bool expired[NSLOT];
bool dead[NSLOT];               /* On the stack of the dead. */
bool locked;                    /* The bucket. */
byte count;
byte next_uid;
bool waits[LANES];              /* The grace period waits for the lane. */
bool ended[LANES];              /* It is quiescent for ever. */
bool swept;                     /* The sweeper has ended. */

#if LANES == 1
#define LANES_ENDED ended[0]
#else
#define LANES_ENDED (ended[0] && ended[1])
#endif

#define VISIBLE(s) (entry[s] && life[s] == LIVE && !expired[s])
#define IN_TABLE_LIVE(s) (entry[s] && life[s] == LIVE)

inline move(s, d)
{
    assert(LEGAL(life[s], d));
    life[s] = d
}

inline take_lock()
{
    atomic { !locked -> locked = true }
}

/* Kills 's', unless another one does. */
inline kill(s, won)
{
#ifdef BUG_NO_CAS
    won = (life[s] == LIVE);
    if
    :: won -> life[s] = DEAD
    :: else
    fi;
#else
    atomic {
        won = (life[s] == LIVE);
        if
        :: won -> move(s, DEAD)
        :: else
        fi
    }
#endif
    if
    :: won ->
        take_lock();
        assert(entry[s]);
        entry[s] = false;
        locked = false;
        atomic { assert(count > 0); count-- };
        atomic { assert(!dead[s]); dead[s] = true }
    :: else
    fi
}

/* Finds who is in the way of an insertion. */
inline look_for_clash(clash)
{
    clash = NONE;
    if
    :: IN_TABLE_LIVE(0) && life[0] == LIVE -> clash = 0
    :: else ->
        if
        :: IN_TABLE_LIVE(1) -> clash = 1
        :: else
        fi
    fi
}

proctype Lane(byte me)
{
    byte s, mine, clash, i;
    byte his = NONE, his_uid, his_gen;  /* A handle with a reference... */
    byte old = NONE, old_uid, old_gen;  /* ...and one without. */
    byte found_uid;
    bool won;

    do
    :: i < PACKETS ->
        i++;

        /* Look. */
        s = NONE;
        if
        :: entry[0] -> s = 0
        :: entry[1] -> s = 1
        :: true                 /* Missed, or not there. */
        fi;
        if
        :: s != NONE ->
            atomic {
                if
                :: VISIBLE(s) -> found_uid = uid[s]
                :: else -> s = NONE
                fi
            }
        :: else
        fi;

        /* Commit. */
        mine = NONE;
        if
        :: s == NONE ->
            atomic {
                if
                :: life[0] == FREE -> mine = 0
                :: life[1] == FREE -> mine = 1
                :: else         /* Refused. */
                fi;
                if
                :: mine != NONE ->
                    move(mine, EMBRYO);
                    next_uid++;
                    uid[mine] = next_uid;
                    expired[mine] = false;
                    count++
                :: else
                fi
            }
        :: else
        fi;
        do
        :: mine == NONE -> break
        :: mine != NONE ->
#ifdef BUG_LIVE_FIRST
            move(mine, LIVE);
#endif
            take_lock();
#ifdef BUG_NO_SECOND_LOOK
            clash = NONE;
#else
            look_for_clash(clash);
#ifdef BUG_STALE_STAYS
            if
            :: clash != NONE && expired[clash] -> clash = NONE
            :: else
            fi;
#endif
#ifdef BUG_LIVE_FIRST
            clash = NONE;
#endif
#endif
            if
            :: clash == NONE ->
                entry[mine] = true;
#ifndef BUG_LIVE_FIRST
                move(mine, LIVE);
#endif
                assert(!(IN_TABLE_LIVE(0) && IN_TABLE_LIVE(1)
                         && VISIBLE(1 - mine)));
                s = mine;
                found_uid = uid[s];
                mine = NONE;
                locked = false
            :: clash != NONE && expired[clash] ->
                locked = false;
                kill(clash, won)        /* And try again. */
            :: else ->
                s = clash;              /* Adopted. */
                found_uid = uid[s];
                locked = false;
                atomic { count--; move(mine, FREE) };
                mine = NONE
            fi
        od;

        /* A handle of an earlier packet. */
        if
        :: old != NONE ->
            atomic {
                assert(!(gen[old] == old_gen && life[old] == LIVE)
                       || uid[old] == old_uid);
                old = NONE
            }
        :: else
        fi;

        /* Use. */
        if
        :: s != NONE ->
            if
            :: true
            :: expired[s] = false       /* A packet refreshes it. */
            :: kill(s, won)
            :: old == NONE ->
                atomic { old = s; old_uid = uid[s]; old_gen = gen[s] }
            :: his == NONE ->
                atomic {
                    refs[s]++;
                    his = s;
                    his_uid = uid[s];
                    his_gen = gen[s]
                }
            fi;
            assert(uid[s] == found_uid && life[s] != FREE)
        :: else
        fi;
        assert(!(VISIBLE(0) && VISIBLE(1)));

        /* Quiescent. */
        s = NONE;
        waits[me] = false;

        if
        :: his != NONE ->
            atomic {
                assert(uid[his] == his_uid && gen[his] == his_gen);
                refs[his]--;
                his = NONE
            }
        :: true
        fi
    :: else -> break
    od;
    if
    :: his != NONE ->
        atomic {
            assert(uid[his] == his_uid && gen[his] == his_gen);
            refs[his]--;
            his = NONE
        }
    :: else
    fi;
    ended[me] = true
}

/* Time, and the sweeper. */
proctype Sweeper()
{
    byte i;
    bool won;

    do
    :: i < TICKS ->
        i++;
        if
        :: atomic { life[0] == LIVE -> expired[0] = true }
        :: atomic { life[1] == LIVE -> expired[1] = true }
        :: LANES_ENDED
        fi;
        if
        :: true
        :: expired[0] -> kill(0, won)
        :: expired[1] -> kill(1, won)
        fi
    :: else -> break
    od;
    swept = true
}

proctype Cleaner()
{
    bool batch[NSLOT], held[NSLOT];
    byte i;

    do
    :: dead[0] || dead[1] || held[0] || held[1] ->
        atomic {
            for (i : 0 .. NSLOT - 1) {
                batch[i] = dead[i] || held[i];
                dead[i] = false;
                held[i] = false
            };
            for (i : 0 .. LANES - 1) {
                waits[i] = true
            }
        };
#ifndef BUG_NO_RCU
        for (i : 0 .. LANES - 1) {
            if
            :: !waits[i] || ended[i]
            fi
        };
#endif
        for (i : 0 .. NSLOT - 1) {
            if
#ifndef BUG_NO_REFS
            :: batch[i] && refs[i] -> held[i] = true
            :: batch[i] && !refs[i] ->
#else
            :: batch[i] ->
#endif
#ifdef BUG_LATE_GENERATION
                move(i, FREE);
                gen[i]++
#else
                gen[i]++;
                move(i, FREE)
#endif
            :: else
            fi;
            batch[i] = false
        }
    :: LANES_ENDED && swept && !dead[0] && !dead[1] && !held[0] && !held[1] ->
        break
    od;

    /* All is quiet. */
    assert(count == (life[0] == LIVE) + (life[1] == LIVE));
    assert(entry[0] == (life[0] == LIVE) && entry[1] == (life[1] == LIVE));
    assert(!(life[0] == LIVE && life[1] == LIVE));
    assert(!refs[0] && !refs[1])
}

init {
    byte i;

    atomic {
        for (i : 0 .. LANES - 1) {
            run Lane(i)
        };
        run Sweeper();
        run Cleaner()
    }
}
