/* HDF5 files made up byte by byte: what is not supported is refused by name, and what refers to itself, or to more than there is, is
 * refused soon. */
#include "hdf5/hdf5_build.h"
#include "hdf5/hdf5_walk.h"

/* What a dataset has besides four float32 numbers behind it. */
typedef struct dataset {
    unsigned version, class, big_endian;
    uint64_t address, bytes;
    unsigned extra; /* an empty message of this type */
    size_t rank;
    uint64_t dimension;
} dataset;

#define PLACE .address = SUPERBLOCK, .bytes = 16
#define LIST .rank = 1, .dimension = 4
#define STORED .version = 3, .class = 1
static const dataset plain = {STORED, PLACE, LIST};

static size_t add_dataset(test_bytes *file, const dataset *made)
{
    const size_t at = begin_header(file);
    add_space(file, made->rank, made->dimension);
    add_head(file, TYPE, 20);
    add_float(file, made->big_endian);
    add_layout(file, made->version, made->class, made->address, made->bytes);
    if (made->extra)
        add_head(file, made->extra, 0);
    end_header(file, at);
    return at;
}

/* Refused with these words, wherever that is noticed. */
static void refuse(test_bytes *file, const char *words)
{
    walk done;
    sluice_error error = {0};
    const sluice_status status = walk_bytes(file->data, file->size, false, &done, &error);
    test_check_refused(words, status, SLUICE_STATUS_BAD_DATA, &error, words);
    ck_assert_msg(strstr(error.message, "HDF5") != NULL, "%s", error.message);
    test_bytes_free(file);
}

static void accept(test_bytes *file, size_t objects)
{
    walk done;
    sluice_error error = {0};
    const sluice_status status = walk_bytes(file->data, file->size, false, &done, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "%s", error.message);
    ck_assert_uint_eq(done.objects, objects);
    test_bytes_free(file);
}

/* ---- Datasets ------------------------------------------------------------------------------------------------------------------- */

static const struct {
    dataset made;
    const char *words; /* NULL: it is read */
} datasets[] = {
    {{STORED, PLACE, LIST}, NULL},
    {{.class = 1, PLACE, LIST, .version = 4}, NULL},
    {{STORED, PLACE, .dimension = 2, .rank = 2}, NULL},
    {{.version = 3, PLACE, LIST, .class = 2},
     "object \"/d\": the dataset is stored in chunks, expected it contiguous; rewrite the file with h5repack"},
    {{.version = 3, PLACE, LIST, .class = 3}, "\"/d\": the dataset is virtual"},
    {{.version = 3, PLACE, LIST, .class = 4}, "expected the layout of a dataset"},
    {{.class = 1, PLACE, LIST, .version = 2}, "layout of version 2"},
    {{STORED, PLACE, LIST, .extra = FILTERS}, "\"/d\": the dataset goes through filters"},
    {{STORED, PLACE, LIST, .extra = EXTERNAL}, "\"/d\": the dataset's elements are in external files"},
    {{STORED, PLACE, LIST, .big_endian = 1}, "\"/d\": its elements are big-endian floats of 4 bytes"},
    {{STORED, .bytes = 16, LIST, .address = NOWHERE}, "\"/d\": the dataset was never written"},
    {{STORED, .bytes = 16, LIST, .address = 1 << 20},
     "the dataset's elements at address 1048576, of 16 bytes, would end behind the file's"},
    {{STORED, LIST, .address = SUPERBLOCK, .bytes = 1 << 20}, "the dataset's elements at address 96"},
    {{STORED, .bytes = 16, LIST, .address = UINT64_MAX - 8}, "would end behind the file's"},
    {{STORED, .address = SUPERBLOCK, LIST, .bytes = 12}, "\"/d\": the dataset has 12 bytes, expected 4 elements of 4 bytes"},
    {{STORED, PLACE, .rank = 1, .dimension = UINT64_C(1) << 62}, "expected 4611686018427387904 elements of 4 bytes"},
    {{STORED, PLACE, .rank = 8, .dimension = 1 << 20}, "more elements than fit"},
    {{STORED, .address = SUPERBLOCK, .rank = 9, .dimension = 1, .bytes = 4}, "the dataset has 9 dimensions, expected at most 8"},
    {{STORED, .address = SUPERBLOCK, .rank = 33, .dimension = 1, .bytes = 4}, "expected a dataspace"},
    {{STORED, .address = SUPERBLOCK, .dimension = 4, .rank = 0, .bytes = 4}, NULL},
};

TEST_EACH(dataset_kinds, datasets)
{
    test_bytes file = {0};
    add_superblock(&file);
    add(&file, 0, 8);
    add(&file, 0, 8);
    const size_t child = add_dataset(&file, &datasets[_i].made);
    finish(&file, add_group(&file, "d", child));
    if (datasets[_i].words)
        refuse(&file, datasets[_i].words);
    else
        accept(&file, 2);
}

/* A message that other objects share, as one of a named type is. */
TEST(shared_message)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t child = add_dataset(&file, &plain);
    file.data[child + PREFIX + 4] = 2;
    finish(&file, add_group(&file, "d", child));
    refuse(&file, "object \"/d\": it shares a message of type 1 with other objects");
}

/* ---- Links ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
    unsigned kind;
    const char *words;
} link_kinds[] = {{1, "object \"/l\": it is a soft link, which is not followed"},
                  {64, "object \"/l\": it is an external link"},
                  {65, "object \"/l\": it is a user-defined link"}};

TEST_EACH(other_links, link_kinds)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t root = begin_header(&file);
    add_link_info(&file, NOWHERE);
    add_other_link(&file, "l", link_kinds[_i].kind);
    end_header(&file, root);
    finish(&file, root);
    refuse(&file, link_kinds[_i].words);
}

static const char *const bad_names[] = {"", "a/b", "\xff", "\xc0\x80"};

TEST_EACH(names_of_links, bad_names)
{
    test_bytes file = {0};
    add_superblock(&file);
    finish(&file, add_group(&file, bad_names[_i], SUPERBLOCK));
    refuse(&file, "expected the name of a link: UTF-8");
}

TEST(same_name)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t child = add_dataset(&file, &plain), root = begin_header(&file);
    add_link_info(&file, NOWHERE);
    add_link(&file, "d", child);
    add_link(&file, "d", child);
    end_header(&file, root);
    finish(&file, root);
    refuse(&file, "another link of the group has the same name, \"d\"");
}

TEST(dense_links)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t root = begin_header(&file);
    add_link_info(&file, SUPERBLOCK);
    end_header(&file, root);
    finish(&file, root);
    refuse(&file, "stored densely");
}

/* ---- Loops ---------------------------------------------------------------------------------------------------------------------- */

TEST(group_in_itself)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t inner = file.size, outer = add_group(&file, "a", 0);
    const size_t between = add_group(&file, "b", inner);
    put(&file, file.size - 8, outer, 8);
    put(&file, between - 8, between, 8); /* of the first group's link */
    finish(&file, outer);
    refuse(&file, "object \"/a/b\": it is the same group as \"/\", within which it is");
}

/* Each group is twice in the one above it: paths double with each level. */
TEST(doubling)
{
    test_bytes file = {0};
    add_superblock(&file);
    size_t child = add_dataset(&file, &plain);
    for (size_t k = 0; k < SL_HDF5_MAX_DEPTH - 1; k++) {
        const size_t at = begin_header(&file);
        add_link_info(&file, NOWHERE);
        add_link(&file, "a", child);
        add_link(&file, "b", child);
        end_header(&file, at);
        child = at;
    }
    finish(&file, child);
    refuse(&file, "needs more memory than a file of");
}

TEST_LOOP(depth, 0, 2)
{
    test_bytes file = {0};
    add_superblock(&file);
    size_t child = add_dataset(&file, &plain);
    for (int k = 0; k < SL_HDF5_MAX_DEPTH + _i; k++)
        child = add_group(&file, "a", child);
    finish(&file, child);
    if (_i)
        refuse(&file, "more than 64 deep");
    else
        accept(&file, SL_HDF5_MAX_DEPTH + 1);
}

/* A continuation that leads to itself, to the header, or out of the file. */
TEST_LOOP(continuations, 0, 3)
{
    static const char *const words[] = {"continues at byte", "continues at byte", "would end behind the file's"};
    test_bytes file = {0};
    add_superblock(&file);
    const size_t root = begin_header(&file), continued = root + PREFIX + HEAD + 18 + HEAD + 16;
    add_link_info(&file, NOWHERE);
    add_head(&file, CONTINUE, 16);
    add(&file, _i == 0 ? continued : _i == 1 ? root + PREFIX : 1 << 20, 8);
    add(&file, HEAD + 16, 8);
    end_header(&file, root);
    add_head(&file, CONTINUE, 16);
    add(&file, continued, 8);
    add(&file, HEAD + 16, 8);
    finish(&file, root);
    refuse(&file, words[_i]);
}

/* A header in more and more parts. */
TEST(many_continuations)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t root = begin_header(&file);
    for (size_t k = 0; k < 300; k++) {
        add_head(&file, CONTINUE, 16);
        add(&file, file.size + 16, 8);
        add(&file, HEAD + 16, 8);
        if (k == 0)
            end_header(&file, root);
    }
    add_head(&file, 0, 16);
    add(&file, 0, 8);
    add(&file, 0, 8);
    finish(&file, root);
    refuse(&file, "in more than 256 parts");
}

/* ---- Symbol tables -------------------------------------------------------------------------------------------------------------- */

/* Trees of several levels, with one link. */
TEST_LOOP(levels, 0, 4)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_heap(&file, "\0\0\0\0\0\0\0\0name\0\0\0", 16), child = add_dataset(&file, &plain);
    size_t node = add_leaf(&file, 1, 8, child, 0);
    for (int k = 0; k <= _i; k++)
        node = add_tree(&file, (unsigned)k, 1, node);
    finish(&file, add_table(&file, node, heap));
    accept(&file, 2);
}

static const struct {
    uint64_t name, address;
    unsigned cached;
    size_t heap_bytes, leaf_count;
    const char *words;
} symbols[] = {{8, SUPERBLOCK, 0, 12, 1, "the name of a link is not in the group's heap of 12 bytes"}, /* not terminated */
               {16, SUPERBLOCK, 0, 16, 1, "the name of a link is not in the group's heap of 16 bytes"},
               {UINT64_MAX, SUPERBLOCK, 0, 16, 1, "the name of a link is not in"},
               {0, SUPERBLOCK, 0, 16, 1, "expected the name of a link"},
               {8, 1 << 20, 0, 16, 1, "the header of an object at address 1048576"},
               {8, NOWHERE, 0, 16, 1, "the header of an object at address"},
               {8, NOWHERE, 2, 16, 1, "object \"/name\": it is a soft link"},
               {8, SUPERBLOCK, 0, 1 << 20, 1, "the data of a local heap at address 128"},
               {8, SUPERBLOCK, 0, 16, 9999, "the name of a link is not in"}};

TEST_EACH(symbols_refused, symbols)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_heap(&file, "\0\0\0\0\0\0\0\0name\0\0\0", 16);
    put(&file, heap + 8, symbols[_i].heap_bytes, 8);
    const size_t leaf = add_leaf(&file, 1, symbols[_i].name, symbols[_i].address, symbols[_i].cached);
    put(&file, leaf + 6, symbols[_i].leaf_count, 2);
    const size_t tree = add_tree(&file, 0, 1, leaf);
    finish(&file, add_table(&file, tree, heap));
    refuse(&file, symbols[_i].words);
}

/* A tree that contains itself. */
TEST(tree_in_itself)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_heap(&file, "", 0), tree = add_tree(&file, 3, 1, file.size);
    finish(&file, add_table(&file, tree, heap));
    refuse(&file, "expected a group's B-tree node, on the level below its parent's");
}

/* Levels of many children that are all the same node, down to an empty one, or to one of many links. */
TEST_LOOP(wide_tree, 0, 2)
{
    const size_t many = test_by_depth(500, 20000, 20000);
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_heap(&file, "\0\0\0\0\0\0\0\0name\0\0\0", 16);
    size_t node = add_leaf(&file, _i ? many : 0, 8, SUPERBLOCK, 0);
    for (unsigned level = 0; level < 4; level++)
        node = add_tree(&file, level, many, node);
    finish(&file, add_table(&file, node, heap));
    refuse(&file, _i ? "needs more memory than a file of" : "reading them takes too long");
}

/* Many links with one long name. */
TEST(long_names)
{
    enum { BYTES = 1 << 20, LINKS = 100 };
    test_bytes file = {0};
    FREED char *name = calloc(BYTES, 1);
    memset(name, 'n', BYTES - 1);
    add_superblock(&file);
    const size_t heap = add_heap(&file, name, BYTES), leaf = add_leaf(&file, LINKS, 0, SUPERBLOCK, 0);
    const size_t tree = add_tree(&file, 0, 1, leaf);
    finish(&file, add_table(&file, tree, heap));
    refuse(&file, "needs more memory than a file of");
}

/* ---- Strings -------------------------------------------------------------------------------------------------------------------- */

enum { OBJECT_BYTES = 5, COLLECTION_BYTES = 16 + 3 * (16 + 8) };

/* A collection of three objects, "abcde" each; its place. */
static size_t add_collection(test_bytes *file)
{
    const size_t at = file->size;
    test_bytes_add_text(file, "GCOL\1");
    add(file, 0, 3);
    add(file, COLLECTION_BYTES, 8);
    for (unsigned k = 1; k <= 3; k++) {
        add(file, k, 8);
        add(file, OBJECT_BYTES, 8);
        test_bytes_add_text(file, "abcde");
        add(file, 0, 3);
    }
    return at;
}

/* References to strings, of which `stated` are said to be in the attribute "list". */
static size_t add_references(test_bytes *file, uint64_t stated, size_t count, uint64_t bytes, uint64_t address, uint64_t index)
{
    const size_t at = begin_header(file);
    add_link_info(file, NOWHERE);
    add_head(file, ATTRIBUTE, 8 + 8 + 24 + 16 + 16 * count);
    add(file, 1 | 5 << 16 | UINT64_C(24) << 32 | UINT64_C(16) << 48, 8);
    test_bytes_add(file, "list\0\0\0", 8);
    add(file, 0x19 | 1 << 8, 4);
    add(file, 16, 4);
    add(file, 0x10, 8);
    add(file, 1, 8);
    add(file, 1 | 1 << 8, 8);
    add(file, stated, 8);
    for (size_t k = 0; k < count; k++) {
        add(file, bytes, 4);
        add(file, address, 8);
        add(file, index, 4);
    }
    end_header(file, at);
    return at;
}

static const struct {
    uint64_t stated, bytes, address, index;
    size_t object_bytes, collection_bytes;
    const char *words;
} references[] = {
    {2, 5, SUPERBLOCK, 3, 5, COLLECTION_BYTES, NULL},
    {2, 0, NOWHERE, 0, 5, COLLECTION_BYTES, NULL},
    {3, 5, SUPERBLOCK, 1, 5, COLLECTION_BYTES, "attribute \"list\" has 32 bytes, expected 3 strings of 16 each"},
    {UINT64_C(1) << 60, 5, SUPERBLOCK, 1, 5, COLLECTION_BYTES, "attribute \"list\" has 32 bytes"},
    {2, 6, SUPERBLOCK, 1, 5, COLLECTION_BYTES, "there is no string of 6 bytes, object 1,"},
    {2, 5, SUPERBLOCK, 4, 5, COLLECTION_BYTES, "there is no string of 5 bytes, object 4,"},
    {2, 5, SUPERBLOCK, 0, 5, COLLECTION_BYTES, "there is no string of 5 bytes, object 0,"},
    {2, 5, SUPERBLOCK, UINT32_MAX, 5, COLLECTION_BYTES, "there is no string of 5 bytes, object 4294967295,"},
    {2, 5, NOWHERE, 1, 5, COLLECTION_BYTES, "a collection of the global heap at address"},
    {2, 5, 0, 1, 5, COLLECTION_BYTES, "expected a collection of the global heap"},
    {2, 5, SUPERBLOCK, 1, 5, 1 << 20, "expected a collection of the global heap"},
    {2, 5, SUPERBLOCK, 1, 5, 8, "expected a collection of the global heap"},
    {2, 5, SUPERBLOCK, 2, SIZE_MAX, COLLECTION_BYTES, "an object that ends within its collection"},
    {2, 5, SUPERBLOCK, 2, 1 << 20, COLLECTION_BYTES, "an object that ends within its collection"},
};

TEST_EACH(references_to_strings, references)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_collection(&file);
    put(&file, heap + 8, references[_i].collection_bytes, 8);
    put(&file, heap + 16 + 8, references[_i].object_bytes, 8);
    finish(&file,
           add_references(&file, references[_i].stated, 2, references[_i].bytes, references[_i].address, references[_i].index));
    if (references[_i].words)
        refuse(&file, references[_i].words);
    else
        accept(&file, 1);
}

/* A text that is no UTF-8, or has a NUL within. */
TEST_LOOP(bad_texts, 0, 2)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t heap = add_collection(&file);
    file.data[heap + 16 + 16 + 1] = _i ? 0 : 0xff;
    finish(&file, add_references(&file, 1, 1, OBJECT_BYTES, heap, 1));
    refuse(&file, _i ? "UTF-8 without NUL, found the byte 0x00" : "UTF-8 without NUL, found the byte 0xff");
}

/* A hundred references to one string of a megabyte. */
TEST(long_texts)
{
    enum { BYTES = 1 << 20, COUNT = 100 };
    test_bytes file = {0};
    FREED char *text = malloc(BYTES);
    memset(text, 't', BYTES);
    add_superblock(&file);
    test_bytes_add_text(&file, "GCOL\1");
    add(&file, 0, 3);
    add(&file, 32 + BYTES, 8);
    add(&file, 1, 8);
    add(&file, BYTES, 8);
    test_bytes_add(&file, text, BYTES);
    finish(&file, add_references(&file, COUNT, COUNT, BYTES, SUPERBLOCK, 1));
    refuse(&file, "needs more memory than a file of");
}

/* References to an object that a large collection does not have. */
TEST(long_search)
{
    enum { COUNT = 1000 };
    const size_t objects = test_by_depth(2000, 60000, 60000);
    test_bytes file = {0};
    add_superblock(&file);
    test_bytes_add_text(&file, "GCOL\1");
    add(&file, 0, 3);
    add(&file, 16 + 16 * objects, 8);
    for (size_t k = 1; k <= objects; k++) {
        add(&file, k, 8);
        add(&file, 0, 8);
    }
    finish(&file, add_references(&file, COUNT, COUNT, 1, SUPERBLOCK, objects + 1));
    refuse(&file, "there is no string");
}

/* ---- Superblocks ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    size_t at;
    uint64_t number;
    size_t bytes;
    const char *words;
} superblocks[] = {{8, 4, 1, "a superblock of version 4, expected at most 3"},
                   {13, 4, 1, "addresses of 4 bytes and lengths of 8"},
                   {14, 16, 1, "addresses of 8 bytes and lengths of 16"},
                   {24, 512, 8, "the length of the file"},
                   {END_AT, 1 << 20, 8, "expected 1048576; was it cut short?"},
                   {END_AT, 50, 8, "the length of the file"},
                   {END_AT, UINT64_MAX, 8, "was it cut short?"},
                   {48, 96, 8, "the file has a driver"},
                   {ROOT_AT, 1 << 20, 8, "the root group at address 1048576"},
                   {ROOT_AT, NOWHERE, 8, "the root group at address"},
                   {ROOT_AT, 0, 8, "object \"/\": expected an object's header of version 1 or 2"}};

TEST_EACH(superblocks_refused, superblocks)
{
    test_bytes file = {0};
    add_superblock(&file);
    const size_t child = add_dataset(&file, &plain);
    finish(&file, add_group(&file, "d", child));
    put(&file, superblocks[_i].at, superblocks[_i].number, superblocks[_i].bytes);
    refuse(&file, superblocks[_i].words);
}
