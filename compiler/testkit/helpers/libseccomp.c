/*
 * Another compiler of seccomp filters, to hold ours against: Debian's libseccomp.
 *
 * Reads a policy from standard input, one item a line. All numbers, those of the command line
 * too, are hexadecimal; values are return values of a filter:
 *
 *     default VALUE             for calls that no rule is about
 *     foreign VALUE             calls of another ABI
 *     arch TOKEN                an ABI, as libseccomp numbers them: the first is the host's
 *     rule VALUE NR [ARG OP VALUE MASK]…
 *                               all comparisons hold; OP is eq ne lt le gt ge masked_eq
 *
 * Rules are numbered as the host's first ABI numbers calls; libseccomp translates them by name
 * for the others, and refuses those that it has no name for: `libseccomp names` writes the
 * numbers that it has names for, a line each, in decimal.
 *
 * `libseccomp LEVEL` writes the program to standard output, made at that
 * optimization level (1: a list, 2: a tree). `libseccomp LEVEL TIMES` makes it that often
 * instead, and writes how long each took, in nanoseconds, a line each.
 */

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARCHES 8
#define MAX_RULES 4096

struct rule {
	uint32_t action;
	int nr;
	unsigned int count;
	struct scmp_arg_cmp conditions[6];
};

static uint32_t default_action, foreign_action;
static uint32_t arches[MAX_ARCHES];
static size_t arch_count;
static struct rule rules[MAX_RULES];
static size_t rule_count;

static _Noreturn void fail(const char *what, const char *detail)
{
	fprintf(stderr, "libseccomp: %s: %s\n", what, detail);
	exit(1);
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value;

	if (word == NULL)
		fail("a number is missing", "");
	errno = 0;
	value = strtoull(word, &end, 16);
	if (*word == '\0' || *end != '\0' || errno != 0)
		fail("not a number", word);
	return value;
}

static enum scmp_compare operator(const char *word)
{
	static const struct { const char *name; enum scmp_compare op; } names[] = {
		{ "eq", SCMP_CMP_EQ }, { "ne", SCMP_CMP_NE }, { "lt", SCMP_CMP_LT },
		{ "le", SCMP_CMP_LE }, { "gt", SCMP_CMP_GT }, { "ge", SCMP_CMP_GE },
		{ "masked_eq", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; word != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(word, names[i].name) == 0)
			return names[i].op;
	fail("not an operator", word == NULL ? "" : word);
}

static void read_rule(void)
{
	struct rule *rule = &rules[rule_count];
	const char *word;

	if (rule_count == MAX_RULES)
		fail("too many rules", "");
	rule->action = (uint32_t)number(strtok(NULL, " \n"));
	rule->nr = (int)number(strtok(NULL, " \n"));
	while ((word = strtok(NULL, " \n")) != NULL) {
		struct scmp_arg_cmp *condition = &rule->conditions[rule->count];
		uint64_t value, mask;

		if (rule->count == 6)
			fail("too many comparisons", "");
		condition->arg = (unsigned int)number(word);
		condition->op = operator(strtok(NULL, " \n"));
		value = number(strtok(NULL, " \n"));
		mask = number(strtok(NULL, " \n"));
		/* libseccomp wants the mask first. */
		condition->datum_a = condition->op == SCMP_CMP_MASKED_EQ ? mask : value;
		condition->datum_b = condition->op == SCMP_CMP_MASKED_EQ ? value : 0;
		rule->count++;
	}
	rule_count++;
}

static void read_policy(void)
{
	static char line[4096];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		const char *word = strtok(line, " \n");

		if (word == NULL)
			continue;
		if (strcmp(word, "default") == 0)
			default_action = (uint32_t)number(strtok(NULL, " \n"));
		else if (strcmp(word, "foreign") == 0)
			foreign_action = (uint32_t)number(strtok(NULL, " \n"));
		else if (strcmp(word, "arch") == 0 && arch_count < MAX_ARCHES)
			arches[arch_count++] = (uint32_t)number(strtok(NULL, " \n"));
		else if (strcmp(word, "rule") == 0)
			read_rule();
		else
			fail("not understood", word);
	}
}

static void check(int rc, const char *what)
{
	if (rc < 0)
		fail(what, strerror(-rc));
}

static void compile(uint32_t level, int fd)
{
	scmp_filter_ctx ctx = seccomp_init(default_action);

	if (ctx == NULL)
		fail("seccomp_init", "no context");
	check(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, level), "optimize");
	check(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, foreign_action), "badarch");
	for (size_t i = 0; i < arch_count; i++)
		if (seccomp_arch_exist(ctx, arches[i]) != 0)
			check(seccomp_arch_add(ctx, arches[i]), "arch");
	for (size_t i = 0; i < rule_count; i++) {
		const struct rule *rule = &rules[i];

		/* What says what the default says is refused, and is not needed. */
		if (rule->action != default_action)
			check(seccomp_rule_add_array(ctx, rule->action, rule->nr, rule->count,
						     rule->conditions), "rule");
	}
	check(seccomp_export_bpf(ctx, fd), "export");
	seccomp_release(ctx);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void names(void)
{
	for (int nr = 0; nr < 1024; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), nr);

		if (name != NULL)
			printf("%d\n", nr);
		free(name);
	}
}

int main(int argc, char **argv)
{
	uint32_t level;

	if (argc != 2 && argc != 3)
		fail("usage", "libseccomp names | LEVEL [TIMES]");
	if (strcmp(argv[1], "names") == 0) {
		names();
		return 0;
	}
	level = (uint32_t)number(argv[1]);
	read_policy();
	if (arch_count == 0 || arches[0] != seccomp_arch_native())
		fail("skipped", "the policy's numbers are not those of the host");
	if (argc == 3) {
		int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

		for (uint64_t times = number(argv[2]); times > 0; times--) {
			uint64_t start = now();

			compile(level, fd);
			printf("%llu\n", (unsigned long long)(now() - start));
		}
		close(fd);
	} else {
		compile(level, STDOUT_FILENO);
	}
	return 0;
}
