/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SIMNIC_FLOW_H
#define TEST_SIMNIC_FLOW_H 1

/* test-simnic-flow: tests of flow rules, run by test-simnic-port.c. */

void test_marks(void);
void test_drop_and_isolate(void);
void test_groups(void);
void test_edits(void);
void test_refusals(void);
void test_faults(void);
void test_age(void);
void test_indirect(void);

#endif /* test-simnic-flow.h */
