# cleanoutbox: builds with PGXS, in this folder or, by VPATH, in another one.
#
#   make              builds                      make check        runs every test; check-PART runs one part
#   make install      installs                    make demo         shows it at work; demo KEEP=1 leaves it running
#   make format       formats the C sources       make demo-stop    stops what KEEP=1 left running
#   make stress       kills it for a minute       make deps         installs the Debian packages that are missing
#   make check-fault CYCLES=n    n cycles of the fault matrix, each judged by itself
#   make bench        measures speed and size
#   make check-matrix tests it in other releases of Debian, with other versions
#   make check-page   looks at the live page in a browser, which it installs (Chromium, 600 MB)
#   make clean        removes what was built
#
# The parts stand below.  PG_CONFIG chooses the PostgreSQL.

PG_CONFIG ?= pg_config
TOP := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))

# Tests and demo start from nothing: they install what is missing and build in a folder of their own.
PARTS := build arch unit contract storm fuzz regress examples isolation tap fault
COMMANDS := check $(PARTS:%=check-%) check-page check-matrix stress bench demo demo-stop deps format

ifneq ($(filter $(COMMANDS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:
export PG_CONFIG KEEP
unexport MAKEFLAGS MFLAGS MAKEOVERRIDES

check:
	@$(TOP)test/run/deps check && $(TOP)test/run/check
$(PARTS:%=check-%): check-%:
	@$(TOP)test/run/deps check && $(if $(and $(filter fault,$*),$(CYCLES)),$(TOP)test/fault/cycles,$(TOP)test/run/check $*)
check-page:
	@$(TOP)test/run/deps page && $(TOP)test/run/check page
check-matrix:
	@$(TOP)test/run/deps matrix && $(TOP)test/run/matrix
stress:
	@$(TOP)test/run/deps check && $(TOP)test/fault/stress
bench:
	@$(TOP)test/run/deps bench && $(TOP)test/bench/bench
demo:
	@$(TOP)test/run/deps demo && $(TOP)test/demo/demo
demo-stop:
	@$(TOP)test/demo/demo stop
deps:
	@$(TOP)test/run/deps check
format:
	clang-format-14 -i $(shell find $(TOP)src $(TOP)test -name '*.[ch]')

OTHERS := $(filter-out $(COMMANDS),$(MAKECMDGOALS))
ifneq ($(OTHERS),)
$(OTHERS):
	@$(MAKE) -f $(TOP)Makefile $@
endif

else

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) not found: `make deps` installs what is needed to build, or set PG_CONFIG)
endif

EXTENSION = cleanoutbox
MODULE_big = cleanoutbox
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(TOP)outbox.control)

# Four layers: the domain and the application are plain C, the adapters see PostgreSQL or NATS or HTTP.
c_files = $(patsubst $(TOP)%,%,$(wildcard $(TOP)src/$(1)/*.c))
PURE := $(call c_files,domain) $(call c_files,application)
NATS := $(call c_files,infrastructure/nats)
HTTP := $(call c_files,infrastructure/http)
POSTGRES := $(call c_files,infrastructure/postgres) $(call c_files,interface)
SOURCES := $(PURE) $(NATS) $(HTTP) $(POSTGRES)
PAGE = $(EXTENSION)-page.c
OBJS = $(SOURCES:.c=.o) $(PAGE:.c=.o)

# The install script, in this order.
SQL = \
	interface/begin.sql \
	infrastructure/postgres/log.sql \
	infrastructure/postgres/schedule.sql \
	infrastructure/postgres/cursor.sql \
	infrastructure/postgres/trail.sql \
	infrastructure/postgres/identity.sql \
	infrastructure/postgres/quarantine.sql \
	infrastructure/postgres/pause.sql \
	infrastructure/postgres/definition.sql \
	interface/emit.sql \
	interface/broadcast.sql \
	interface/capture.sql \
	interface/control.sql \
	interface/verify.sql \
	interface/refusal.sql \
	interface/schedule.sql \
	interface/safety.sql \
	interface/monitor.sql \
	interface/statistics.sql \
	interface/backlog.sql \
	interface/status.sql \
	interface/stream.sql \
	interface/doctor.sql \
	interface/http.sql \
	interface/replay.sql \
	interface/erase.sql \
	interface/adopt.sql \
	interface/guard.sql \
	interface/aggregate.sql \
	interface/lifecycle.sql \
	interface/invariant.sql \
	interface/event.sql \
	interface/describe.sql \
	interface/ddl.sql \
	interface/conforms.sql \
	interface/value.sql \
	interface/alterable.sql \
	interface/access.sql
SQL_FILES = $(addprefix $(TOP)src/,$(SQL))

DATA = $(patsubst $(TOP)%,%,$(wildcard $(TOP)src/interface/upgrade/*.sql))
DATA_built = $(EXTENSION)--$(EXTVERSION).sql

# What the server calls by name; everything else stays inside the library.
SYMBOLS = Pg_magic_func _PG_init outbox_launcher_main outbox_relay_main outbox_http_main
EXPORTS = $(EXTENSION).exports

PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare
SHLIB_LINK = -lnats -lmicrohttpd -lssl -lcrypto -lpthread -Wl,--version-script=$(EXPORTS)
EXTRA_CLEAN = build $(PAGE) $(EXPORTS) $(srcdir)/$(EXTENSION).control

include $(PGXS)

# PGXS knows no header dependencies: after a change of any header all is built again.
$(OBJS) $(OBJS:.o=.bc): $(wildcard $(TOP)src/*/*.h $(TOP)src/*/*/*.h)
$(shell mkdir -p $(sort $(dir $(OBJS))))

LIBRARY_ONLY := $(PURE) $(NATS) $(HTTP)
$(LIBRARY_ONLY:.c=.o) $(LIBRARY_ONLY:.c=.bc): override CPPFLAGS = -I$(srcdir)/src
$(PURE:.c=.o) $(PURE:.c=.bc): override CFLAGS += -std=c11 -Wunused-parameter -Wsign-compare
$(PURE:.c=.bc): override BITCODE_CFLAGS += -std=c11
$(POSTGRES:.c=.o) $(POSTGRES:.c=.bc): override CPPFLAGS += -I$(srcdir)/src -DOUTBOX_VERSION='"$(EXTVERSION)"'
src/interface/prometheus.o src/interface/prometheus.bc: $(TOP)outbox.control

all: $(srcdir)/$(EXTENSION).control
$(srcdir)/$(EXTENSION).control: $(srcdir)/outbox.control
	cp $< $@
ifneq ($(realpath $(srcdir)),$(realpath .))
$(EXTENSION).control: $(srcdir)/$(EXTENSION).control ;
endif

# The live page, as bytes of the library.
$(PAGE): $(TOP)src/interface/monitoring/page.html $(TOP)Makefile
	{ echo '#include "interface/page.h"'; echo 'const char outbox_page_html[] = {'; \
	  od -An -v -td1 $< | sed 's|  *\(-*[0-9]*\)|\1,|g'; \
	  echo '0};'; echo 'const size_t outbox_page_length = sizeof(outbox_page_html) - 1;'; } > $@
$(PAGE:.c=.o) $(PAGE:.c=.bc): override CPPFLAGS = -I$(srcdir)/src

$(DATA_built): $(SQL_FILES) $(TOP)Makefile
	cat $(SQL_FILES) > $@

$(shlib): $(EXPORTS)
$(EXPORTS): $(SQL_FILES) $(TOP)Makefile
	{ echo '{ global:'; printf '%s;\n' $(SYMBOLS); \
	  sed -n "s/.*'MODULE_PATHNAME', *'\([a-z0-9_]*\)'.*/\1; pg_finfo_\1;/p" $(SQL_FILES) | sort -u; \
	  echo 'local: *; };'; } > $@

endif
