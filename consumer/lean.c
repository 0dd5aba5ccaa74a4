/*
 * Loading fifty libraries, and their own beginnings, touch some megabytes that a master never needs
 * again (libcurl alone brings three for TLS). Must never touch a segment that can be written: what
 * the loader has put right there is in no file.
 */
#include "consumer/lean.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whether a library has relocations in segments that cannot be written: then these are not what is
 * in its file either. */
static int has_text_relocations(const struct dl_phdr_info *library)
{
    int i;

    for (i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        const ElfW(Dyn) *entry = (const void *)(library->dlpi_addr + segment->p_vaddr);

        if (segment->p_type != PT_DYNAMIC) {
            continue;
        }
        for (; entry->d_tag != DT_NULL; entry++) {
            if (entry->d_tag == DT_TEXTREL ||
                (entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL))) {
                return 1;
            }
        }
    }
    return 0;
}

/* A callback of dl_iterate_phdr(): the segments of one library. */
static int drop_segments(struct dl_phdr_info *library, size_t size, void *baton)
{
    const uintptr_t page = *(const uintptr_t *)baton;
    int i;

    (void)size;
    if (has_text_relocations(library)) {
        return 0;
    }
    for (i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        uintptr_t from = (library->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t to = library->dlpi_addr + segment->p_vaddr + segment->p_memsz;

        if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W)) {
            /* Only advice: where it is not taken, all is as before. */
            (void)madvise((void *)from, to - from, MADV_DONTNEED); /* NOLINT */
        }
    }
    return 0;
}

void consumer_lean(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)dl_iterate_phdr(drop_segments, &page);
}
