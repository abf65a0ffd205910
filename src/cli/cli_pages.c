#include "cli/cli_options.h"

const sl_page sl_pages[SL_PAGES] = {
    {
        .command = SL_COMMAND_NONE,
        .summary = "run and train LSTM networks over batches of sequences on CPUs",
        .usage = "COMMAND [OPTION]...",
        .about = "Runs and trains LSTM networks over batches of sequences on CPUs. A model is a file of Keras, PyTorch or ONNX, or "
                 "a safetensors file with PyTorch's tensor names or a description of its layers.",
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
                 "MODEL -i X.npy [-o Y.npy] [--head FILE] [OPTION]...\n"
                 "MODEL -i SERIES -o FORECASTS.csv [OPTION]...",
        .about =
            "Runs MODEL over rows, in order and in constant memory. FILE '-' is standard input or output.\n\n"
            "With --text each line is a row, whose bytes are the tokens, and for each line a line LABEL<TAB>PROBABILITY is "
            "written, at the latest when the input pauses. An empty line is a row of length 0, and also has an output line. Text "
            "may be gzipped. A UTF-8 byte order mark at the beginning, and the CR of lines that end in CR LF, are dropped with a "
            "note; --keep-cr keeps the CR.\n\n"
            "Without --text the files are NumPy's .npy, of any numeric type. Other types than f4, or than integers for tokens and "
            "lengths, are converted with a note. Outputs are f4, or by the suffix of FILE, .csv or .jsonl, a table: a line for "
            "each row, or for each step before the end of a row, with the numbers of row and step, from 0 on, and the outputs, "
            "which are named as the model's classes, or output_0 and so on. A number has the fewest digits from which it is read "
            "back. What is NaN or infinite is nan, inf or -inf in .csv, and null in .jsonl.\n\n"
            "Of a model that sluice train --target has made the input is series: a table (CSV) or an array, which are cut into "
            "windows as in training, or run step by step as whole series, unless an option is given that only rows have. The "
            "output has a row for each window, or each step, with its forecasts in the units of the data; in a table the series "
            "and the window's last step go before them.\n\n"
            "In the shapes N is the number of rows, T of steps, I of inputs, L of layers, D of directions, H of hidden units, C of "
            "classes, and W of a layer's outputs.",
        .examples = "sluice run langid.safetensors --text < /usr/share/dict/words > answers.tsv\n"
                    "sluice run lstm.safetensors -i x.npy --lengths n.npy -o y.npy --hn hn.npy\n"
                    "sluice run lstm.safetensors --head - < x.npy > logits.npy\n"
                    "sluice run lstm.safetensors -i x.npy -o answers.csv --top 3\n"
                    "sluice run forecast.safetensors -i load.csv --keep hour -o forecast.csv\n"
                    "sluice run network.safetensors -i x.npy --mask m.npy --layer lstm_1 -o y.npy",
        .operands = SL_COMPLETE_FILES,
    },
    {
        .name = "train",
        .command = SL_COMMAND_TRAIN,
        .summary = "train a model on labelled lines, NumPy arrays, or series",
        .usage = "--text LINES -o MODEL [OPTION]...\n"
                 "-i X.npy --labels|--values Y.npy -o MODEL [OPTION]...\n"
                 "-i SERIES [--window W] --target LIST -o MODEL [OPTION]...\n"
                 "--resume CHECKPOINT [OPTION]...",
        .about =
            "Trains an LSTM network in batches of rows of similar length, which are shuffled by seed, and writes the model of the "
            "best epoch. The result is bitwise identical for any number of threads.\n\n"
            "Lines of --text and --validate are read as by sluice run: they may be gzipped; a byte order mark and, unless "
            "--keep-cr is given, the CR of CR LF are dropped. Classes are numbered in the order in which their labels first "
            "appear.\n\n"
            "Arrays are NumPy's .npy, of any numeric type. Other types than f4, or than integers for tokens, lengths and labels, "
            "are converted with a note. In the shapes N is the number of rows, T of steps, I of inputs, L of layers, D of "
            "directions, H of hidden units, and C of classes or values.\n\n"
            "With --target, SERIES is a table (CSV), or numbers [T], [T][I] or [N][T][I] of an array, which may be gzipped. What "
            "it names, --horizon steps ahead, is what the model learns to forecast: with --window W from windows of W steps, each "
            "a row; without it at every step of whole series, each a row that --truncate T trains on in parts of T steps, one "
            "after the other, with an update for each. With --standardize or --normalize the losses are of scaled numbers, and the "
            "model's first and last layer scale.\n\n"
            "--layers LIST describes the network layer by layer, each a kind and its words: "
            "lstm:UNITS[:reverse|both[:sum|product|mean]][:final|last][:proj=P], dense:UNITS[:FUNCTION], activation:FUNCTION, "
            "reduce:last|mean|max. FUNCTION is linear, sigmoid, tanh, hard_sigmoid (x/6 + 1/2, cut at 0 and 1, as Keras 3 and "
            "PyTorch have it), relu, leaky_relu[=A] (A is 0.01 if not given), elu[=A] (1), selu, softplus, softsign, swish, gelu, "
            "gelu_tanh or softmax. An embedding of tokens is put before the layers, and a linear head of the classes or values "
            "behind them. If targets are one for each row, and no layer makes one vector of the steps, the last LSTM layer gives "
            "its final states.\n\n"
            "--from starts with the weights of a model, in any format that sluice run reads. Where its classes are others than "
            "those of the data, --new-head keeps all layers but the last dense one, which is made anew as in a new network, by "
            "--init and --seed. With labels a softmax at the end of the model is left out, as the loss applies it.\n\n"
            "An interrupted run with --checkpoint continues with --resume, which takes the options and the names of files from the "
            "checkpoint. Options that change the result cannot be changed; others, such as --epochs, may be given again.\n\n"
            "With --shards S a batch is computed in S parts. mpirun -n R sluice-mpi train, with the same options, shares them "
            "among R processes, the ranks; model and checkpoint have the same bytes on any number of ranks. Of .npy arrays a rank "
            "reads only where its rows lie; text, tables, series and compressed files are read through by each.",
        .examples = "sluice train --text words.tsv --validate-share 0.1 -o model.safetensors\n"
                    "sluice train -i x.npy --labels y.npy -o m.safetensors --checkpoint c.st\n"
                    "sluice train --text w.tsv -o m.st --layers lstm:128:both,lstm:64,dense:32:relu\n"
                    "sluice train --text other.tsv -o m.st --from lstm_model.h5 --new-head\n"
                    "sluice train -i a.csv --window 48 --target load --horizon 1-24 -o m.st\n"
                    "sluice train -i a.csv --target load --truncate 100 -o m.st\n"
                    "sluice train --resume c.st",
    },
    {
        .name = "evaluate",
        .command = SL_COMMAND_EVALUATE,
        .summary = "say how well a model answers, by rows whose answers are known",
        .usage = "MODEL --text LINES [OPTION]...\n"
                 "MODEL -i X.npy --labels Y.npy [OPTION]...\n"
                 "MODEL -i X.npy --values Y.npy [OPTION]...\n"
                 "MODEL -i SERIES [OPTION]...",
        .about =
            "Runs MODEL over rows, in constant memory, and compares its outputs with targets, which are read as by sluice "
            "train.\n\n"
            "Of classes it shows the loss, the mean cross-entropy; the accuracy; for each class precision (of the answers that "
            "name it, the share that is right), recall (of its targets, the share that is found) and F1 (their harmonic mean), and "
            "the mean of each over the classes that occur; and the confusion table, which of its classes was answered for which "
            "label, for 12 classes at most, or with --json for 1024. A share of nothing counts as 0, and negative labels do not "
            "count.\n\n"
            "Of values it shows for each output and for all of them the mean absolute error (MAE), the root of the mean square "
            "error (RMSE) and the mean absolute error in percent of the target (MAPE), which leaves out targets that are 0 and "
            "counts them.\n\n"
            "Of a model that sluice train --target has made, SERIES, a table (CSV) or an array, has the targets in it; a naive "
            "forecast, the last value or that of the last --season, is shown beside the model's.",
        .examples = "sluice evaluate model.safetensors --text test.tsv\n"
                    "sluice evaluate m.safetensors -i x.npy --labels y.npy --picture confusion.svg\n"
                    "sluice evaluate m.safetensors -i x.npy --values y.npy --json\n"
                    "sluice evaluate forecast.safetensors -i load.csv --season 24",
        .operands = SL_COMPLETE_FILES,
    },
    {
        .name = "merge",
        .command = SL_COMMAND_MERGE,
        .summary = "put the parts together that sluice run --shard has written",
        .usage = "OUT... [OPTION]...",
        .about =
            "Writes OUT, a FILE of sluice run's options --output, --hn, --cn or --head, from its parts, as OUT.part-0001-of-0016, "
            "and their records: byte for byte what a run of the whole input writes. Parts that are missing, there twice, or of "
            "different models, options or inputs are an error, and OUT is not touched. Of parts that were written with --in-place "
            "the bytes are checked, and their file becomes OUT.",
        .examples = "sluice run langid.safetensors --text -i words -o answers.tsv --shard 1/2\n"
                    "sluice run langid.safetensors --text -i words -o answers.tsv --shard 2/2\n"
                    "sluice merge answers.tsv",
        .operands = SL_COMPLETE_FILES,
    },
    {
        .name = "convert",
        .command = SL_COMMAND_CONVERT,
        .summary = "write a model of another program in sluice's own format",
        .usage = "FILE OUT.safetensors [OPTION]...",
        .about =
            "Reads FILE as sluice run does, with the same options, and writes the model to OUT: a safetensors file with PyTorch's "
            "tensor names, or with a description of its layers. It gives the same bits as FILE, and needs none of the options. "
            "Notes on what was assumed or left out of FILE are written to standard error. FILE is not changed.",
        .examples = "sluice convert a.safetensors b.safetensors --lstm lstm1,lstm2\n"
                    "sluice convert a.safetensors b.safetensors --head-name fc1,fc2",
        .operands = SL_COMPLETE_FILES,
    },
    {
        .name = "info",
        .command = SL_COMMAND_INFO,
        .summary = "show the contents of a model, or how this machine would run it",
        .usage = "MODEL [--json]\n"
                 "--env [--json]\n"
                 "MODEL --explain --batch N --steps T [OPTION]...\n"
                 "MODEL --precision NAME --compare X.npy [OPTION]...",
        .about =
            "Shows the contents of MODEL, or, where it has several LSTMs or networks, or a graph that cannot be run as a whole, "
            "what there is to choose from, and by which option; with --env the instruction set, threads and libraries that would "
            "be used on this machine, and why; with --explain the execution plan for a batch of N rows of T steps, and why.\n\n"
            "With --compare it runs the rows of a file, which are read as by sluice run, in f32 and in --precision, and shows the "
            "largest and the root mean square (rms) difference of y, hidden states of the last LSTM layer, or of other networks "
            "the outputs of their end; of hn, the final states; and of a head's logits, beside the largest and the rms value of "
            "f32. Where outputs stand for classes, it counts the rows, or the steps, of which another output is the largest one. "
            "With --text there is no y.",
        .examples = "sluice info langid.safetensors\n"
                    "sluice info lstm_model.onnx --lstm /encoder/LSTM\n"
                    "sluice info langid.safetensors --explain --batch 64 --steps 20\n"
                    "sluice info langid.safetensors --precision int8 --compare words.txt --text\n"
                    "sluice info lstm.safetensors --precision bf16 --compare x.npy --lengths n.npy\n"
                    "SLUICE_NUM_THREADS=4 sluice info --env",
        .operands = SL_COMPLETE_FILES,
    },
};
