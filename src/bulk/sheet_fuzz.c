/*
 * Any bytes as the parts of a workbook, parted by bytes 0xff: sheet, shared strings, styles,
 * workbook. The archive around them is sound, so that it is the parts that are tried; bytes that
 * begin like an archive are one.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "bulk/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RELATION(id, type, target)                                                                 \
    "<Relationship Id=\"" id "\" Type=\"x/" type "\" Target=\"" target "\"/>"

enum {
    PART_COUNT = 5
};

static const char *const names[PART_COUNT] = {
    "xl/s.xml",        "xl/sharedStrings.xml",       "xl/styles.xml",
    "xl/workbook.xml", "xl/_rels/workbook.xml.rels",
};
static const char *const defaults[PART_COUNT] = {
    "<worksheet/>",
    "<sst><si><t>a</t></si><si><t>b@c.example</t></si></sst>",
    "<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>",
    "<workbook><sheets><sheet name=\"S\" id=\"r1\"/></sheets></workbook>",
    "<Relationships>" RELATION("r1", "worksheet", "s.xml")
        RELATION("r2", "sharedStrings", "sharedStrings.xml")
            RELATION("r3", "styles", "styles.xml") "</Relationships>",
};

static void put16(struct buffer *out, unsigned value)
{
    buffer_append_byte(out, (char)(value & 0xff));
    buffer_append_byte(out, (char)(value >> 8 & 0xff));
}

static void put32(struct buffer *out, uint32_t value)
{
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

/* What local and central headers have in common (APPNOTE 4.3.7): stored, not compressed. */
static void put_about(struct buffer *out, const char *name, struct slice part)
{
    put16(out, 20);
    put16(out, 0);
    put16(out, 0);
    put32(out, 0x00210000);
    put32(out, (uint32_t)crc32(0, (const Bytef *)part.ptr, (uInt)part.len));
    put32(out, (uint32_t)part.len);
    put32(out, (uint32_t)part.len);
    put16(out, (unsigned)strlen(name));
    put16(out, 0);
}

static void make_archive(struct slice parts, struct buffer *out)
{
    struct buffer central;

    buffer_init(&central, 0);
    for (size_t i = 0; i < PART_COUNT; i++) {
        uint32_t offset = (uint32_t)out->len;
        struct slice part;

        if (parts.ptr == NULL || i == PART_COUNT - 1 || !slice_split(&parts, '\xff', &part))
            part = slice_from_string(defaults[i]);
        buffer_append(out, "PK\x03\x04", 4);
        put_about(out, names[i], part);
        buffer_append_string(out, names[i]);
        buffer_append_slice(out, part);
        buffer_append(&central, "PK\x01\x02\x14\x00", 6);
        put_about(&central, names[i], part);
        buffer_append(&central, "\0\0\0\0\0\0\0\0\0\0", 10);
        put32(&central, offset);
        buffer_append_string(&central, names[i]);
    }
    {
        uint32_t offset = (uint32_t)out->len;

        buffer_append_slice(out, buffer_slice(&central));
        buffer_append(out, "PK\x05\x06\0\0\0\0", 8);
        put16(out, PART_COUNT);
        put16(out, PART_COUNT);
        put32(out, (uint32_t)central.len);
        put32(out, offset);
        put16(out, 0);
    }
    buffer_done(&central);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from((const char *)data, size);
    struct bulk_format wanted = {.has_header = 0, .column = 1};
    struct bulk_reader *reader;
    struct buffer archive;
    struct bulk_row row;
    int code;

    buffer_init(&archive, 0);
    if (!slice_starts_with(bytes, SLICE("PK\x03\x04"))) {
        make_archive(bytes, &archive);
        bytes = buffer_slice(&archive);
    }
    code = bulk_reader_open_bytes("x", bytes, 0, &wanted, &reader, NULL);
    if (code == 0) {
        bool is_blank = false;

        while ((code = bulk_reader_next(reader, &row, NULL)) == 1)
            is_blank = row.raw.len == 0 && row.fault == NULL;
        CHECK(!is_blank); /* such rows stand between others */
        bulk_reader_close(reader);
    }
    CHECK(code == 0 || code == ERROR_FORMAT || code == ERROR_LIMIT || code == ERROR_NOT_FOUND);
    buffer_done(&archive);
    return 0;
}
