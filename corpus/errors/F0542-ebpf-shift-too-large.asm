        r0 = 1
        .insn 0x64, 0, 0, 0, 32
        exit
