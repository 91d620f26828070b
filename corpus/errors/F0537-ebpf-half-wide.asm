        .insn 0x18, 0, 0, 0, 7
        exit
