end:    ret allow
end:    ret kill
