"""Score a saved model on a collection and write the report.

python examples/evaluate.py --model runs/demo/best --dataset ham10000 --data_dir data/HAM10000 --part test
"""

import argparse

import skinzoo

PARTS = ("train", "val", "test", "all")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder written by the training, such as runs/demo/best")
    parser.add_argument("--recipe", default="synthetic-multitask", choices=skinzoo.list_recipes())
    parser.add_argument("--dataset", choices=skinzoo.list_datasets(), help="collection, instead of the recipe's")
    parser.add_argument("--data_dir", "--data-dir", help="folder of the collection")
    parser.add_argument("--part", default="test", choices=PARTS, help="of the recipe's split, or all")
    parser.add_argument("--seed", type=int, default=42, help="of the split; must be the training's")
    parser.add_argument("--batch_size", "--batch-size", type=int, default=32)
    parser.add_argument("--num_workers", "--num-workers", type=int, default=0)
    parser.add_argument("--save_dir", "--save-dir", default="runs/evaluation", help="where the report goes")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    recipe = skinzoo.get_recipe(args.recipe)
    options = recipe.dataset_options if args.dataset in (None, recipe.dataset) else {}
    data = skinzoo.load_dataset(args.dataset or recipe.dataset, args.data_dir, **options)
    if args.part != "all":
        data = data.split(recipe.fractions, seed=args.seed)[PARTS.index(args.part)]
    report = skinzoo.evaluate(model, data, batch_size=args.batch_size, num_workers=args.num_workers)
    print(report)
    print(f"report   {report.save(args.save_dir).resolve()}")


if __name__ == "__main__":
    main()
