end:    r0 = 0
end:    exit
