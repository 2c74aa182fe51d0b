lib_libmarkpath_a_SOURCES += \
	lib/offload/dp-mark-drain.h \
	lib/offload/dp-mark-index.c \
	lib/offload/dp-mark-index.h \
	lib/offload/dp-offload-provider.h \
	lib/offload/dp-offload-why.def \
	lib/offload/dp-offload.h
