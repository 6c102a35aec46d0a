"""Train the embedded models: a separate workflow, `snakemake -s rules/miniature.smk --cores all`.

Trainings keep checkpoints in resources/miniature/training/ (git-ignored), outside declared outputs: a stopped one
goes on where it was. The world (world.csv, world.json) is written by hand.
"""

import yaml


include: "environment.smk"


WORLD = "resources/miniature"
TRAINING = f"{WORLD}/training"
TRUTH = [f"{WORLD}/world.csv", f"{WORLD}/world.json", f"{WORLD}/sprites.png"]
RECIPE = yaml.safe_load((ROOT / "config/miniature.yaml").read_text(encoding="utf-8"))
# docs/performance.md: large tensors that are reallocated in every step cause page faults.
MALLOC = "env MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000 "


pathvars:
    logs=f"{TRAINING}/logs",
    benchmarks=f"{TRAINING}/benchmarks",


rule miniature:
    default_target: True
    input:
        f"{WORLD}/sdxl/model_index.json",
        f"{WORLD}/dino/model.safetensors",
        f"{WORLD}/faces",
        f"{WORLD}/evaluation.json",
    localrule: True


rule draw_sprites:
    input:
        world=f"{WORLD}/world.csv",
        font=ancient(RECIPE["sprites"]["font"]),
    output:
        sprites=f"{WORLD}/sprites.png",
    log:
        "<logs>/draw_sprites.log",
    benchmark:
        "<benchmarks>/draw_sprites.tsv"
    conda:
        CONDA
    params:
        code=code("miniature/draw_sprites"),
    message:
        "Draw the people and objects of the miniature world"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" '
        "python -P -m scripts.miniature.draw_sprites --world {input.world} --font {input.font} --sprites {output.sprites} &> {log}"


rule make_faces:
    input:
        world=TRUTH,
    output:
        faces=directory(f"{WORLD}/faces"),
    log:
        "<logs>/make_faces.log",
    benchmark:
        "<benchmarks>/make_faces.tsv"
    conda:
        CONDA
    params:
        settings=as_json(lambda wildcards: RECIPE["faces"]),
        code=code("miniature/make_faces"),
    message:
        "Draw the labelled faces"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" '
        "python -P -m scripts.miniature.make_faces --settings {params.settings:q} "
        f"--world {WORLD} --faces {{output.faces}} &> {{log}}"


rule train_vae:
    input:
        world=TRUTH,
    output:
        vae=directory(f"{TRAINING}/vae"),
    log:
        "<logs>/train_vae.log",
    benchmark:
        "<benchmarks>/train_vae.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: RECIPE["vae"]),
        code=code("miniature/train_vae"),
    message:
        "Train the miniature autoencoder"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_vae --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/vae.pt --vae {{output.vae}} &> {{log}}"


rule train_decoder:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/vae",
    output:
        vae=directory(f"{TRAINING}/decoder"),
    log:
        "<logs>/train_decoder.log",
    benchmark:
        "<benchmarks>/train_decoder.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: RECIPE["decoder"]),
        code=code("miniature/train_decoder"),
    message:
        "Refine the decoder of the miniature autoencoder"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_decoder --settings {{params.settings:q}} --world {WORLD} "
        f"--start {{input.vae}} --checkpoint {TRAINING}/decoder.pt --vae {{output.vae}} &> {{log}}"


rule encode_scenes:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/vae",
    output:
        latents=f"{TRAINING}/latents.safetensors",
    log:
        "<logs>/encode_scenes.log",
    benchmark:
        "<benchmarks>/encode_scenes.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: RECIPE["scenes"]),
        code=code("miniature/encode_scenes"),
    message:
        "Encode scenes of every face with every object"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.encode_scenes --settings {{params.settings:q}} --world {WORLD} "
        "--vae {input.vae} --latents {output.latents} &> {log}"


rule train_unet:
    input:
        world=TRUTH,
        latents=f"{TRAINING}/latents.safetensors",
    output:
        denoiser=f"{TRAINING}/denoiser.pt",
    log:
        "<logs>/train_unet.log",
    benchmark:
        "<benchmarks>/train_unet.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(240),
    params:
        settings=as_json(lambda wildcards: RECIPE["unet"]),
        code=code("miniature/train_unet"),
    message:
        "Train the miniature UNet and its text encoders"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_unet --settings {{params.settings:q}} --world {WORLD} "
        f"--latents {{input.latents}} --checkpoint {TRAINING}/unet.pt --denoiser {{output.denoiser}} &> {{log}}"


rule assemble_sdxl:
    input:
        world=TRUTH,
        vae=f"{TRAINING}/decoder",
        denoiser=f"{TRAINING}/denoiser.pt",
    output:
        index=f"{WORLD}/sdxl/model_index.json",
    log:
        "<logs>/assemble_sdxl.log",
    benchmark:
        "<benchmarks>/assemble_sdxl.tsv"
    conda:
        CONDA
    params:
        code=code("miniature/assemble_sdxl"),
    message:
        "Assemble the miniature SDXL"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.assemble_sdxl --world {WORLD} --vae {{input.vae}} --denoiser {{input.denoiser}} "
        f"--sdxl {WORLD}/sdxl &> {{log}}"


rule train_clip:
    input:
        world=TRUTH,
    output:
        weights=f"{WORLD}/clip/open_clip_model.safetensors",
    log:
        "<logs>/train_clip.log",
    benchmark:
        "<benchmarks>/train_clip.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: RECIPE["clip"]),
        code=code("miniature/train_clip"),
    message:
        "Train the miniature CLIP"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_clip --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/clip.pt --clip {WORLD}/clip &> {{log}}"


rule train_dino:
    input:
        world=TRUTH,
    output:
        weights=f"{WORLD}/dino/model.safetensors",
    log:
        "<logs>/train_dino.log",
    benchmark:
        "<benchmarks>/train_dino.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: RECIPE["dino"]),
        code=code("miniature/train_dino"),
    message:
        "Train the miniature vision transformer without labels"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_dino --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/dino.pt --dino {WORLD}/dino &> {{log}}"


rule train_resnet:
    input:
        world=TRUTH,
    output:
        weights=f"{WORLD}/resnet/model.safetensors",
    log:
        "<logs>/train_resnet.log",
    benchmark:
        "<benchmarks>/train_resnet.tsv"
    conda:
        CONDA
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(120),
    params:
        settings=as_json(lambda wildcards: RECIPE["resnet"]),
        code=code("miniature/train_resnet"),
    message:
        "Train the miniature ResNet to name the object"
    shell:
        f'{MALLOC} PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.train_resnet --settings {{params.settings:q}} --world {WORLD} "
        f"--checkpoint {TRAINING}/resnet.pt --resnet {WORLD}/resnet &> {{log}}"


rule evaluate_miniature:
    input:
        world=TRUTH,
        sdxl=f"{WORLD}/sdxl/model_index.json",
        clip=f"{WORLD}/clip/open_clip_model.safetensors",
        resnet=f"{WORLD}/resnet/model.safetensors",
    output:
        evaluation=f"{WORLD}/evaluation.json",
        samples=f"{WORLD}/samples.png",
    log:
        "<logs>/evaluate_miniature.log",
    benchmark:
        "<benchmarks>/evaluate_miniature.tsv"
    conda:
        CONDA
    threads: 2
    resources:
        gpu=GPU,
        mem_mb=scaled_by_attempt(8000),
        runtime=scaled_by_attempt(60),
    params:
        settings=as_json(lambda wildcards: RECIPE["evaluation"]),
        code=code("miniature/evaluate_miniature"),
    message:
        "Check the miniature against its goals"
    shell:
        'PYTHONPATH="$UNTOLD_PATH" '
        f"python -P -m scripts.miniature.evaluate_miniature --settings {{params.settings:q}} --world {WORLD} --sdxl {WORLD}/sdxl "
        f"--clip {WORLD}/clip --resnet {WORLD}/resnet --evaluation {{output.evaluation}} "
        "--samples {output.samples} &> {log}"
