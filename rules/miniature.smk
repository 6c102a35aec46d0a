"""How the embedded models were made: target `miniature`, never part of `all`.

Trainings keep checkpoints in resources/miniature/training/ (git-ignored), outside declared outputs: a stopped one
goes on where it was. The world (world.csv, world.json) is written by hand.
"""

import yaml

WORLD = "resources/miniature"
TRAINING = f"{WORLD}/training"
TRUTH = [f"{WORLD}/world.csv", f"{WORLD}/world.json", f"{WORLD}/sprites.png"]
RECIPE = yaml.safe_load(Path(workflow.basedir, "config/miniature.yaml").read_text())
# docs/performance.md: large tensors allocated anew in every step cost page faults.
MALLOC = "env MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000 "


localrules:
    miniature,


rule miniature:
    input:
        f"{WORLD}/sdxl/model_index.json",
        f"{WORLD}/dino/model.safetensors",
        f"{WORLD}/faces",
        f"{WORLD}/evaluation.json",


rule draw_sprites:
    input:
        world=f"{WORLD}/world.csv",
        font=ancient(RECIPE["sprites"]["font"]),
        code=code_files("scripts/miniature/draw_sprites.py"),
    output:
        sprites=f"{WORLD}/sprites.png",
    log:
        f"{RESULTS}/logs/miniature/draw_sprites.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/draw_sprites.tsv"
    conda:
        CONDA
    message:
        "Draw the people and objects of the miniature world"
    shell:
        "python -m scripts.miniature.draw_sprites --world {input.world} --font {input.font} --sprites {output.sprites} &> {log}"


rule make_faces:
    input:
        world=TRUTH,
        code=code_files("scripts/miniature/make_faces.py"),
    output:
        faces=directory(f"{WORLD}/faces"),
    log:
        f"{RESULTS}/logs/miniature/make_faces.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/make_faces.tsv"
    conda:
        CONDA
    params:
        settings=settings(lambda wildcards: RECIPE["faces"]),
    message:
        "Draw the labelled faces"
    shell:
        "python -m scripts.miniature.make_faces --settings {params.settings:q} "
        f"--world {WORLD} --faces {{output.faces}} &> {{log}}"


rule train_vae:
    input:
        world=TRUTH,
        code=code_files("scripts/miniature/train_vae.py"),
        lock="requirements.lock",
    output:
        vae=directory(f"{TRAINING}/vae"),
    log:
        f"{RESULTS}/logs/miniature/train_vae.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_vae.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: RECIPE["vae"]),
    message:
        "Train the miniature autoencoder"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_vae --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/vae.pt --vae {{output.vae}} &> {{log}}"


rule train_decoder:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/vae",
        code=code_files("scripts/miniature/train_decoder.py"),
        lock="requirements.lock",
    output:
        vae=directory(f"{TRAINING}/decoder"),
    log:
        f"{RESULTS}/logs/miniature/train_decoder.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_decoder.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: RECIPE["decoder"]),
    message:
        "Refine the decoder of the miniature autoencoder"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_decoder --settings {{params.settings:q}} --world {WORLD} "
        f"--start {{input.vae}} --checkpoint {TRAINING}/decoder.pt --vae {{output.vae}} &> {{log}}"


rule encode_scenes:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/vae",
        code=code_files("scripts/miniature/encode_scenes.py"),
        lock="requirements.lock",
    output:
        latents=f"{TRAINING}/latents.safetensors",
    log:
        f"{RESULTS}/logs/miniature/encode_scenes.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/encode_scenes.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(lambda wildcards: RECIPE["scenes"]),
    message:
        "Encode scenes of every face with every object"
    shell:
        f"{MALLOC} python -m scripts.miniature.encode_scenes --settings {{params.settings:q}} --world {WORLD} "
        "--vae {input.vae} --latents {output.latents} &> {log}"


rule train_unet:
    input:
        world=TRUTH,
        latents=f"{TRAINING}/latents.safetensors",
        code=code_files("scripts/miniature/train_unet.py"),
        lock="requirements.lock",
    output:
        denoiser=f"{TRAINING}/denoiser.pt",
    log:
        f"{RESULTS}/logs/miniature/train_unet.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_unet.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: RECIPE["unet"]),
    message:
        "Train the miniature UNet and its text encoders"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_unet --settings {{params.settings:q}} --world {WORLD} "
        f"--latents {{input.latents}} --checkpoint {TRAINING}/unet.pt --denoiser {{output.denoiser}} &> {{log}}"


rule assemble_sdxl:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/decoder",
        denoiser=f"{TRAINING}/denoiser.pt",
        code=code_files("scripts/miniature/assemble_sdxl.py"),
        lock="requirements.lock",
    output:
        index=f"{WORLD}/sdxl/model_index.json",
    log:
        f"{RESULTS}/logs/miniature/assemble_sdxl.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/assemble_sdxl.tsv"
    conda:
        CONDA
    message:
        "Assemble the miniature SDXL"
    shell:
        f"python -m scripts.miniature.assemble_sdxl --world {WORLD} --vae {{input.vae}} --denoiser {{input.denoiser}} "
        f"--sdxl {WORLD}/sdxl &> {{log}}"


rule train_clip:
    input:
        world=TRUTH,
        code=code_files("scripts/miniature/train_clip.py"),
        lock="requirements.lock",
    output:
        weights=f"{WORLD}/clip/open_clip_model.safetensors",
    log:
        f"{RESULTS}/logs/miniature/train_clip.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_clip.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(lambda wildcards: RECIPE["clip"]),
    message:
        "Train the miniature CLIP"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_clip --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/clip.pt --clip {WORLD}/clip &> {{log}}"


rule train_dino:
    input:
        world=TRUTH,
        code=code_files("scripts/miniature/train_dino.py"),
        lock="requirements.lock",
    output:
        weights=f"{WORLD}/dino/model.safetensors",
    log:
        f"{RESULTS}/logs/miniature/train_dino.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_dino.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(lambda wildcards: RECIPE["dino"]),
    message:
        "Train the miniature vision transformer without labels"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_dino --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/dino.pt --dino {WORLD}/dino &> {{log}}"


rule train_resnet:
    input:
        world=TRUTH,
        code=code_files("scripts/miniature/train_resnet.py"),
        lock="requirements.lock",
    output:
        weights=f"{WORLD}/resnet/model.safetensors",
    log:
        f"{RESULTS}/logs/miniature/train_resnet.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/train_resnet.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(lambda wildcards: RECIPE["resnet"]),
    message:
        "Train the miniature ResNet to name the object"
    shell:
        f"{MALLOC} python -m scripts.miniature.train_resnet --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/resnet.pt --resnet {WORLD}/resnet &> {{log}}"


rule evaluate_miniature:
    input:
        world=TRUTH,
        sdxl=f"{WORLD}/sdxl/model_index.json",
        clip=f"{WORLD}/clip/open_clip_model.safetensors",
        resnet=f"{WORLD}/resnet/model.safetensors",
        code=code_files("scripts/miniature/evaluate_miniature.py"),
        lock="requirements.lock",
    output:
        evaluation=f"{WORLD}/evaluation.json",
        samples=f"{WORLD}/samples.png",
    log:
        f"{RESULTS}/logs/miniature/evaluate_miniature.log",
    benchmark:
        f"{RESULTS}/benchmarks/miniature/evaluate_miniature.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(lambda wildcards: RECIPE["evaluation"]),
    message:
        "Measure what the miniature must show"
    shell:
        f"python -m scripts.miniature.evaluate_miniature --settings {{params.settings:q}} --world {WORLD} --sdxl {WORLD}/sdxl "
        f"--clip {WORLD}/clip --resnet {WORLD}/resnet --evaluation {{output.evaluation}} "
        "--samples {output.samples} &> {log}"
