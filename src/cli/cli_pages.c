#include "cli/cli_pages.h"

#include "cli/cli_options.h"

const sl_page sl_pages[SL_PAGES] = {
    {
        .command = SL_COMMAND_NONE,
        .summary = "run and train LSTM networks over batches of sequences on CPUs",
        .usage = "COMMAND [OPTION]...",
        .about = "Runs and trains LSTM networks over batches of sequences on CPUs. A model is a safetensors file with PyTorch's "
                 "tensor names.",
        .examples = "sluice info langid.safetensors\n"
                    "sluice run langid.safetensors --text < /usr/share/dict/words > answers.tsv\n"
                    "sluice run lstm.safetensors -i x.npy -o y.npy --hn hn.npy --stats\n"
                    "sluice train --text words.tsv --validate-share 0.1 -o model.safetensors",
    },
    {
        .name = "run",
        .command = SL_COMMAND_RUN,
        .summary = "run a model over lines of text, or NumPy arrays",
        .usage = "MODEL --text [-i LINES] [-o ANSWERS] [OPTION]...\n"
                 "MODEL -i X.npy [-o Y.npy] [--head FILE] [OPTION]...",
        .about =
            "Runs MODEL over rows, which stream through in order and in constant memory. FILE '-' is standard input or output.\n\n"
            "With --text a line is a row, its bytes are the tokens, and it is answered with a line LABEL<TAB>PROBABILITY, "
            "at the latest when the input pauses. An empty line is a row of length 0, and is answered; no lines, no answers. "
            "Text may be gzipped. A UTF-8 byte order mark at its beginning, and the CR of lines that end in CR LF, are no part of "
            "a line and are dropped with a note; --keep-cr keeps the CR.\n\n"
            "Without --text files are NumPy's .npy, of any numeric type: what is not f4 or, for tokens and lengths, an integer is "
            "converted with a note. Outputs are f4. They are for N rows of T steps, I inputs, L layers in D "
            "directions of H units, and C classes.",
        .examples = "sluice run langid.safetensors --text < /usr/share/dict/words > answers.tsv\n"
                    "sluice run lstm.safetensors -i x.npy --lengths n.npy -o y.npy --hn hn.npy\n"
                    "sluice run lstm.safetensors --head - < x.npy > logits.npy",
        .operands = SL_COMPLETE_FILES,
    },
    {
        .name = "train",
        .command = SL_COMMAND_TRAIN,
        .summary = "train a model on labelled lines, or NumPy arrays",
        .usage = "--text LINES -o MODEL [OPTION]...\n"
                 "-i X.npy --labels Y.npy -o MODEL [OPTION]...\n"
                 "-i X.npy --values Y.npy -o MODEL [OPTION]...\n"
                 "--resume CHECKPOINT [OPTION]...",
        .about =
            "Trains an LSTM network, shuffling the rows by seed in batches of similar length, and writes the model of the best "
            "epoch. The result is the same bits at any number of threads.\n\n"
            "Lines of --text and --validate are read as sluice run reads them: gzipped or not, without a byte order mark and, "
            "unless --keep-cr is given, without the CR of CR LF. Classes are numbered in the order in which their labels first "
            "appear.\n\n"
            "Arrays are NumPy's .npy, of any numeric type: what is not f4 or, for tokens, lengths and labels, an integer is "
            "converted with a note. They are for N rows of T steps, I inputs, L layers in D directions of H units, and C classes "
            "or values.\n\n"
            "A run with --checkpoint that was interrupted goes on with --resume, which takes the options and the names of files "
            "from "
            "the checkpoint. Those that decide the result cannot be changed; others, as --epochs, may be given anew.",
        .examples = "sluice train --text words.tsv --validate-share 0.1 -o model.safetensors\n"
                    "sluice train -i x.npy --labels y.npy -o m.safetensors --checkpoint c.st\n"
                    "sluice train --resume c.st",
    },
    {
        .name = "info",
        .command = SL_COMMAND_INFO,
        .summary = "show what a model file holds, or how this machine would run it",
        .usage = "MODEL [--json]\n"
                 "--env [--json]\n"
                 "MODEL --explain --batch N --steps T [OPTION]...",
        .about = "Shows what MODEL holds; with --env what would be used on this machine, and why; with --explain how a batch of N "
                 "rows of T steps would be computed, and why.",
        .examples = "sluice info langid.safetensors\n"
                    "sluice info langid.safetensors --explain --batch 64 --steps 20\n"
                    "SLUICE_NUM_THREADS=4 sluice info --env",
        .operands = SL_COMPLETE_FILES,
    },
};
