/* A program of x86-64 without a C library: capitals of what it reads. A first `o` has it open a
 * file. */
static long call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

void _start(void)
{
	char text[64];
	long length = call(0, 0, (long)text, sizeof text);
	for (long i = 0; i < length; i++)
		if (text[i] >= 'a' && text[i] <= 'z')
			text[i] -= 32;
	call(1, 1, (long)text, length);
	if (length > 0 && text[0] == 'O')
		call(2, (long)"/etc/passwd", 0, 0);
	call(60, 7, 0, 0);
}
