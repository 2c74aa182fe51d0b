dnl SPDX-License-Identifier: Apache-2.0

dnl MARKPATH_ENABLE_SANITIZERS
dnl
dnl --enable-sanitizers=LIST.  Open vSwitch is built with the same ones.
AC_DEFUN([MARKPATH_ENABLE_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers=LIST],
        [build with "address,undefined" or "thread"])],
     [], [enable_sanitizers=no])
   AS_CASE([$enable_sanitizers],
     [no], [SANITIZERS=; SANITIZER_CFLAGS=],
     [address|undefined|address,undefined|undefined,address|thread],
       [SANITIZERS=$enable_sanitizers
        SANITIZER_CFLAGS="-fsanitize=$SANITIZERS -fno-omit-frame-pointer"],
     [AC_MSG_ERROR(
        [--enable-sanitizers takes "address,undefined" or "thread"])])
   AM_CONDITIONAL([SANITIZED], [test -n "$SANITIZERS"])
   AC_SUBST([SANITIZERS])
   AC_SUBST([SANITIZER_CFLAGS])])

dnl MARKPATH_CHECK_OVS
dnl
dnl Finds Open vSwitch: OVS_SOURCE is its unpacked source, OVS_BUILD the folder
dnl that it was built in.  Without --with-ovs-source the script that builds it
dnl in the user's cache tells; OVS_DEPENDENCY is then what it printed.
AC_DEFUN([MARKPATH_CHECK_OVS],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=DIR],
        [Open vSwitch's source; without it, build Debian's package
         openvswitch-source once below ~/.cache/markpath])])
   AC_ARG_WITH([ovs-build],
     [AS_HELP_STRING([--with-ovs-build=DIR],
        [folder that Open vSwitch was built in, if it is not DIR/_build
         or DIR of --with-ovs-source])])
   AS_IF([test -n "$with_ovs_build" && test -z "$with_ovs_source"],
     [AC_MSG_ERROR([--with-ovs-build needs --with-ovs-source])])
   OVS_DEPENDENCY=
   AS_CASE([$with_ovs_source],
     [no], [AC_MSG_ERROR([markpath cannot be built without Open vSwitch])],
     [yes|''],
       [AC_MSG_NOTICE([looking for, or building, Open vSwitch])
        OVS_DEPENDENCY=`"$srcdir"/build-aux/ovs-dependency \
          --cc="$CC" --sanitizers="$SANITIZERS"` ||
          AC_MSG_ERROR([Open vSwitch could not be built])
        OVS_SOURCE=$OVS_DEPENDENCY/src
        OVS_BUILD=$OVS_DEPENDENCY/build],
     [OVS_SOURCE=`cd "$with_ovs_source" && pwd` ||
        AC_MSG_ERROR([$with_ovs_source: no such folder])
      AS_IF([test -n "$with_ovs_build"],
          [OVS_BUILD=`cd "$with_ovs_build" && pwd` ||
            AC_MSG_ERROR([$with_ovs_build: no such folder])],
        [test -e "$OVS_SOURCE/_build/config.status"],
          [OVS_BUILD=$OVS_SOURCE/_build],
        [OVS_BUILD=$OVS_SOURCE])])
   AC_MSG_CHECKING([for Open vSwitch])
   m4_foreach_w([ovs_file],
     [config.h vswitchd/bridge.o vswitchd/system-stats.o
      lib/.libs/libopenvswitch.a lib/.libs/libsflow.a
      ofproto/.libs/libofproto.a ovsdb/ovsdb-server],
     [AS_IF([test ! -e "$OVS_BUILD/ovs_file"],
        [AC_MSG_ERROR([$OVS_BUILD/ovs_file does not exist])])
     ])
   OVS_VERSION=`$SED -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' \
       "$OVS_BUILD/config.h"`
   OVS_RUNDIR=`$SED -n 's/^RUNDIR = *//p' "$OVS_BUILD/Makefile"`
   AC_MSG_RESULT([$OVS_VERSION, $OVS_BUILD])
   OVS_RELEASE=`echo "$OVS_VERSION" | cut -d. -f1-2`
   markpath_releases=`$SED -n 's/^[[a-z-]]* *\([[0-9.]]*\) .*/ \1/p' \
       "$srcdir/build-aux/versions" | tr -d '\n'`
   AS_CASE(["$markpath_releases "], [*" $OVS_RELEASE "*], [],
     [AC_MSG_ERROR(
        [Open vSwitch $OVS_VERSION is not one of$markpath_releases])])
   OVS_MAJOR=${OVS_RELEASE%.*}
   OVS_MINOR=${OVS_RELEASE#*.}
   AM_CONDITIONAL([OVS_SINCE_3_2], [test $OVS_MAJOR$OVS_MINOR -ge 32])
   AC_SUBST([OVS_MAJOR])
   AC_SUBST([OVS_MINOR])
   AC_SUBST([OVS_RELEASE])

   OVS_CPPFLAGS="-I$OVS_BUILD -I$OVS_SOURCE/include -I$OVS_BUILD/include"
   OVS_CPPFLAGS="$OVS_CPPFLAGS -I$OVS_SOURCE/lib -I$OVS_BUILD/lib"
   OVS_CPPFLAGS="$OVS_CPPFLAGS -I$OVS_SOURCE -I$OVS_BUILD"
   OVS_CPPFLAGS="$OVS_CPPFLAGS -D_FILE_OFFSET_BITS=64"

   dnl Whatever Open vSwitch's own programs are linked with.
   markpath_ovs_var() {
       $SED -n "s/^$[1] = *//p" "$OVS_BUILD/Makefile"
   }
   OVS_LIBS="`markpath_ovs_var SSL_LIBS` `markpath_ovs_var CAPNG_LDADD`"
   OVS_LIBS="$OVS_LIBS `markpath_ovs_var LIBS`"
   OVS_LDFLAGS=`markpath_ovs_var DPDK_vswitchd_LDFLAGS`
   OVS_ARCHIVES="$OVS_BUILD/ofproto/.libs/libofproto.a"
   OVS_ARCHIVES="$OVS_ARCHIVES $OVS_BUILD/lib/.libs/libsflow.a"
   OVS_ARCHIVES="$OVS_ARCHIVES $OVS_BUILD/lib/.libs/libopenvswitch.a"
   ovs_avx512=$OVS_BUILD/lib/.libs/libopenvswitchavx512.a
   AS_IF([test -e "$ovs_avx512"], [OVS_ARCHIVES="$OVS_ARCHIVES $ovs_avx512"])
   dnl Automake wants to see such flags only here.
   WHOLE_ARCHIVE=-Wl,--whole-archive
   NO_WHOLE_ARCHIVE=-Wl,--no-whole-archive
   AC_SUBST([WHOLE_ARCHIVE])
   AC_SUBST([NO_WHOLE_ARCHIVE])
   AC_SUBST([OVS_DEPENDENCY])
   AC_SUBST([OVS_SOURCE])
   AC_SUBST([OVS_BUILD])
   AC_SUBST([OVS_VERSION])
   AC_SUBST([OVS_RELEASE])
   AC_SUBST([OVS_RUNDIR])
   AC_SUBST([OVS_CPPFLAGS])
   AC_SUBST([OVS_LIBS])
   AC_SUBST([OVS_LDFLAGS])
   AC_SUBST([OVS_ARCHIVES])])

dnl MARKPATH_CHECK_DPDK
dnl
dnl DPDK is what Open vSwitch was built with; its flags come from pkg-config.
dnl --without-dpdk only makes sense with an Open vSwitch without it.
AC_DEFUN([MARKPATH_CHECK_DPDK],
  [AC_ARG_WITH([dpdk],
     [AS_HELP_STRING([--without-dpdk],
        [the Open vSwitch of --with-ovs-source was built without DPDK])],
     [], [with_dpdk=yes])
   AS_IF([grep -q '^#define DPDK_NETDEV 1' "$OVS_BUILD/config.h"],
     [ovs_has_dpdk=yes], [ovs_has_dpdk=no])
   AS_IF([test "$with_dpdk" != no],
     [AS_IF([test $ovs_has_dpdk = no],
        [AC_MSG_ERROR([$OVS_BUILD was built without DPDK])])
      PKG_CHECK_MODULES([DPDK], [libdpdk >= 22.11])
      dnl The processor is chosen as Open vSwitch chooses it.
      DPDK_CFLAGS=`echo "$DPDK_CFLAGS" | $SED 's/-march=[[^ ]]*//g'`],
     [AS_IF([test $ovs_has_dpdk = yes],
        [AC_MSG_ERROR([$OVS_BUILD was built with DPDK])])])
   AM_CONDITIONAL([DPDK_NETDEV], [test "$with_dpdk" != no])])

dnl MARKPATH_CHECK_DPDK_SDK
dnl
dnl Distributions leave DPDK's headers for drivers out; drivers/net/simnic has
dnl declarations of its own for then.
AC_DEFUN([MARKPATH_CHECK_DPDK_SDK],
  [AC_CACHE_CHECK([for the driver SDK of DPDK], [markpath_cv_dpdk_sdk],
     [markpath_save_cppflags=$CPPFLAGS
      CPPFLAGS="$CPPFLAGS $DPDK_CFLAGS"
      AC_PREPROC_IFELSE([AC_LANG_SOURCE([@%:@include <ethdev_driver.h>
@%:@include <bus_vdev_driver.h>])],
        [markpath_cv_dpdk_sdk=yes], [markpath_cv_dpdk_sdk=no])
      CPPFLAGS=$markpath_save_cppflags])
   AS_IF([test $markpath_cv_dpdk_sdk = yes],
     [SIMNIC_SDK_CPPFLAGS=-DHAVE_DPDK_DRIVER_SDK],
     [SIMNIC_SDK_CPPFLAGS='-I$(srcdir)/drivers/net/simnic/sdk'])
   AC_SUBST([SIMNIC_SDK_CPPFLAGS])])

dnl MARKPATH_CHECK_XDP
dnl
dnl The XDP programs of lib/xdp are compiled by clang, and embedded by bpftool;
dnl libbpf loads them.  What is missing is told in one line, and XDP is left out
dnl then, unless --with-xdp insists.
AC_DEFUN([MARKPATH_CHECK_XDP],
  [AC_ARG_WITH([xdp],
     [AS_HELP_STRING([--without-xdp],
        [leave out the offload of flows to XDP])],
     [], [with_xdp=maybe])
   AC_PATH_PROGS([BPF_CLANG],
     [clang clang-19 clang-16 clang-15 clang-14], [no])
   AC_PATH_PROG([BPFTOOL], [bpftool], [no],
     [$PATH$PATH_SEPARATOR/usr/sbin$PATH_SEPARATOR/usr/local/sbin])
   dnl Where Debian has the headers that depend on the machine.
   BPF_CPPFLAGS=
   markpath_multiarch=`$CC -print-multiarch 2>/dev/null`
   AS_IF([test -n "$markpath_multiarch"],
     [BPF_CPPFLAGS="-idirafter /usr/include/$markpath_multiarch"])
   markpath_xdp_missing=
   AS_IF([test "$with_xdp" = no], [],
     [AS_IF([grep -q '^#define HAVE_AF_XDP 1' "$OVS_BUILD/config.h" &&
             grep -q '^#define HAVE_LIBXDP 1' "$OVS_BUILD/config.h"], [],
        [AS_VAR_APPEND([markpath_xdp_missing],
           [", an Open vSwitch with AF_XDP and libxdp"])])
      PKG_CHECK_EXISTS([libbpf >= 1.0], [],
        [AS_VAR_APPEND([markpath_xdp_missing], [", libbpf-dev"])])
      AS_IF([test "$BPFTOOL" = no],
        [AS_VAR_APPEND([markpath_xdp_missing], [", bpftool"])])
      AS_IF([test "$BPF_CLANG" = no],
        [AS_VAR_APPEND([markpath_xdp_missing], [", clang"])],
        [AC_MSG_CHECKING([whether $BPF_CLANG compiles for BPF])
         cat >conftest.bpf.c <<_ACEOF
@%:@include <linux/bpf.h>
@%:@include <bpf/bpf_helpers.h>
_ACEOF
         AS_IF([$BPF_CLANG --target=bpf -mcpu=v3 -O2 -g $BPF_CPPFLAGS \
                    -c conftest.bpf.c -o conftest.bpf.o \
                    >&AS_MESSAGE_LOG_FD 2>&1],
           [AC_MSG_RESULT([yes])],
           [AC_MSG_RESULT([no])
            AS_VAR_APPEND([markpath_xdp_missing],
              [", a clang that compiles for BPF"])])
         rm -f conftest.bpf.c conftest.bpf.o])])
   markpath_xdp_missing=`echo "$markpath_xdp_missing" | $SED 's/^, //'`
   AS_IF([test "$with_xdp" = no], [HAVE_XDP=0],
     [test -z "$markpath_xdp_missing"], [HAVE_XDP=1],
     [test "$with_xdp" = yes],
       [AC_MSG_ERROR([XDP needs what is missing: $markpath_xdp_missing])],
     [HAVE_XDP=0
      AC_MSG_WARN([XDP is left out; missing: $markpath_xdp_missing])])
   AM_CONDITIONAL([XDP], [test $HAVE_XDP = 1])
   AC_SUBST([HAVE_XDP])
   AC_SUBST([BPF_CPPFLAGS])])

dnl MARKPATH_CC_OPTION(OPTION)
dnl
dnl Adds OPTION to WARNING_CFLAGS if the compiler takes it silently.
AC_DEFUN([MARKPATH_CC_OPTION],
  [AC_CACHE_CHECK([whether $CC accepts $1],
     [AS_TR_SH([markpath_cv_cc_$1])],
     [markpath_save_cflags=$CFLAGS
      CFLAGS="$CFLAGS $WARNING_CFLAGS -Werror m4_bpatsubst([$1], [^-Wno-], [-W])"
      AC_COMPILE_IFELSE([AC_LANG_SOURCE([int x;])],
        [AS_TR_SH([markpath_cv_cc_$1])=yes],
        [AS_TR_SH([markpath_cv_cc_$1])=no])
      CFLAGS=$markpath_save_cflags])
   AS_IF([test "$AS_TR_SH([markpath_cv_cc_$1])" = yes],
     [WARNING_CFLAGS="$WARNING_CFLAGS $1"])])

dnl MARKPATH_CHECK_WARNINGS
AC_DEFUN([MARKPATH_CHECK_WARNINGS],
  [WARNING_CFLAGS=
   m4_foreach_w([markpath_option],
     [-Wall -Wextra -Wno-sign-compare -Wpointer-arith -Wformat
      -Wformat-security -Wswitch-enum -Wunused-parameter
      -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes
      -Wmissing-field-initializers -Wshadow -Wthread-safety
      -Wno-null-pointer-arithmetic],
     [MARKPATH_CC_OPTION(markpath_option)
     ])
   dnl Debian's DPDK needs such a processor, too.  Open vSwitch hashes with
   dnl the instructions that the compiler may use, so build-aux/ovs-dependency
   dnl must say the same.
   MARKPATH_CPU=
   AS_CASE([`uname -m`], [x86_64], [MARKPATH_CPU=-march=x86-64-v2])
   AC_SUBST([MARKPATH_CPU])
   AC_SUBST([WARNING_CFLAGS])])

dnl MARKPATH_ENABLE_WERROR
AC_DEFUN([MARKPATH_ENABLE_WERROR],
  [AC_ARG_ENABLE([Werror],
     [AS_HELP_STRING([--enable-Werror], [treat warnings as errors])],
     [], [enable_Werror=no])
   AS_IF([test "$enable_Werror" != no],
     [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])])
