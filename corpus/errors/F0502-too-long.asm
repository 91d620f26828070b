; One more than the kernel takes.
.repeat 4097 ret allow
