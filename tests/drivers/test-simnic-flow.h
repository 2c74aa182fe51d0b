/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIMNIC_FLOW_H
#define TEST_SIMNIC_FLOW_H 1

/* test-simnic-flow: tests that test-simnic-port.c runs
 * ====================================================
 *
 * Job.  Declare them: of flow rules (test-simnic-flow.c), of how packets
 * arrive (test-simnic-arrive.c), of changes to packets (test-simnic-edit.c),
 * of refusals (test-simnic-refuse.c), of how ports come and go
 * (test-simnic-life.c).
 *
 * See also.  simnic-port-rig.h. */

void test_marks(void);
void test_drop_and_isolate(void);
void test_groups(void);
void test_edits(void);
void test_refusals(void);
void test_integrity(void);
void test_tcp_flags(void);
void test_faults(void);
void test_age(void);
void test_indirect(void);
void test_port_id(void);
void test_age_on_ring(void);
void test_negotiation(void);
void test_no_marks(void);

void test_rate(void);
void test_clumps(void);
void test_stamps(void);
void test_delays(void);
void test_in_flight(void);
void test_verified_checksums(void);

void test_edit_bytes(void);
void test_refusal_table(void);

void test_abi(void);
void test_second_open(void);
void test_unplug(void);
void test_pulled_out(void);

#endif /* test-simnic-flow.h */
